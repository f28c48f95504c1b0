const PEER = /^(?:\[[\da-fA-F:.]+\]|[\w.-]+)(?::[1-9]\d*)?$/;

/** Whether a text is a host or `host:port`, with an IPv6 address in brackets. */
export function isPeer(text: string): boolean {
  return PEER.test(text) && URL.canParse(`peer://${text}`);
}

/** Whether a text is an address that HTTP requests can be sent to. */
export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return (url?.protocol === 'http:' || url?.protocol === 'https:') && url.username === '' && url.hash === '';
}

/** Whether a text names where sessions are kept: `memory`, or the address of a Redis. */
export function isSessionStore(text: string): boolean {
  return text === 'memory' || (/^rediss?:\/\/\S+$/.test(text) && (URL.parse(text)?.hostname ?? '') !== '');
}
