import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Failure, StatusError } from './status.ts';

const FAILURES: Readonly<Record<string, Failure>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 408, reason: 'Timeout', message: 'the request did not arrive in time' },
  HPE_HEADER_OVERFLOW: { code: 431, reason: 'BadRequest', message: 'the request headers are too large' },
};
const NOT_HTTP: Failure = { code: 400, reason: 'BadRequest', message: 'this is not HTTP/1.1' };

/** Answers to what never became a request: too slow, too large, or not HTTP. Without TLS there is nobody to answer. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: response } = socket as { readonly _httpMessage?: { readonly headersSent: boolean } };
  const failure = error.code?.startsWith('HPE_') ? (FAILURES[error.code] ?? NOT_HTTP) : FAILURES[error.code ?? ''];
  // A second answer in the middle of one would be read as part of it.
  if (failure === undefined || !socket.writable || response?.headersSent === true) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(new StatusError(failure).status);
  const head = `HTTP/1.1 ${failure.code} ${STATUS_CODES[failure.code]}\r\nConnection: close\r\nContent-Type: application/json`;
  // Not left half-open: a client that never closes its side would keep the descriptor.
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => socket.destroy());
}
