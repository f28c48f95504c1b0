/** An HTTP/1.1 answer as far as it has come; all text is latin1, so that a character is a byte. */
export type Answer =
  | { readonly is: 'incomplete' }
  | { readonly is: 'garbage' }
  | { readonly is: 'complete'; readonly status: number; readonly body: string; readonly keepsOpen: boolean };

const INCOMPLETE: Answer = { is: 'incomplete' };
const GARBAGE: Answer = { is: 'garbage' };
const STATUS = /^HTTP\/1\.1 ([2-5]\d\d)[ \r]/;
const LENGTH = /\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r|$)/i;
const CHUNKED = /\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?:\r|$)/i;
const CLOSES = /\r\nconnection:[ \t]*close[ \t]*(?:\r|$)/i;

/** Reads one answer whose end can be told without the end of the connection: by its length, or in chunks. */
export function readAnswer(text: string): Answer {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return INCOMPLETE;
  const head = text.slice(0, headEnd);
  const status = Number(STATUS.exec(head)?.[1]);
  if (Number.isNaN(status)) return GARBAGE;
  const rest = text.slice(headEnd + 4);
  const length = LENGTH.exec(head)?.[1];
  const body = CHUNKED.test(head)
    ? readChunks(rest)
    : length === undefined
      ? GARBAGE
      : readLength(rest, Number(length));
  return typeof body === 'string' ? { is: 'complete', status, body, keepsOpen: !CLOSES.test(head) } : body;
}

function readLength(rest: string, length: number): string | Answer {
  if (rest.length < length) return INCOMPLETE;
  // Nothing else was asked for.
  return rest.length === length ? rest : GARBAGE;
}

function readChunks(rest: string): string | Answer {
  let body = '';
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd === -1) return INCOMPLETE;
    const size = /^[0-9a-f]{1,6}(?=$|;)/i.exec(rest.slice(at, lineEnd))?.[0];
    if (size === undefined) return GARBAGE;
    const start = lineEnd + 2;
    const end = start + Number.parseInt(size, 16);
    // There may be more headers behind the last one, which pods do not send.
    if (end === start) return rest.slice(start) === '\r\n' ? body : INCOMPLETE;
    if (rest.length < end + 2) return INCOMPLETE;
    if (!rest.startsWith('\r\n', end)) return GARBAGE;
    body += rest.slice(start, end);
    at = end + 2;
  }
}
