import type { IncomingMessage } from 'node:http';

export type Body = { readonly text: string } | { readonly tooLarge: true };

/**
 * Reads a whole request body of at most `limit` bytes and hands it on, once. A body that is too large is reported at
 * once and the rest is read and dropped, since closing the socket on a client that still sends would lose the answer;
 * the server's request timeout bounds that. A client that goes away in the middle is never reported.
 */
export function readBody(req: IncomingMessage, limit: number, done: (body: Body) => void): void {
  if (Number(req.headers['content-length']) > limit) {
    req.resume();
    done({ tooLarge: true });
    return;
  }
  const chunks: Buffer[] = [];
  let received = 0;
  req.on('data', (chunk: Buffer) => {
    const before = received;
    received += chunk.length;
    if (received <= limit) chunks.push(chunk);
    else if (before <= limit) {
      chunks.length = 0;
      done({ tooLarge: true });
    }
  });
  req.on('end', () => {
    if (received <= limit) done({ text: (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString() ?? '' });
  });
  // Without a listener a reset in the middle of a body would be an uncaught error.
  req.on('error', () => {});
}
