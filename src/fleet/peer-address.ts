/** The two parts of `host:port`, an IPv6 host without its brackets; nothing when it is not one. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const [, v6, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = v6 ?? plain;
  return host === undefined ? undefined : { host: plainHost(host), port: Number(port) };
}

/** A socket's remote address as peers write it: a listener on `::` sees IPv4 addresses as `::ffff:10.0.0.1`. */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** `host:port`, an IPv6 host in brackets. */
export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
