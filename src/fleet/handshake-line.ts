import type { Socket } from 'node:net';
import { afterReading } from './after-reading.ts';

/** Why a handshake ended early. Stable strings: they are counted and logged. */
export type HandshakeReason =
  /** It is no handshake, or has no proof in it, or the other end left before it gave one. */
  | 'no-proof'
  /** The proof does not hold. */
  | 'bad-proof'
  /** The address is not the one that the connection comes from or was dialled to, or is not a peer's. */
  | 'unknown-address'
  | 'timeout'
  /** It is a handshake that breaks the rules. */
  | 'malformed'
  /** This end has no proof to show. */
  | 'no-identity'
  /** The other end said no. */
  | 'refused';

/** A handshake that ended early: `message` says what was found. */
export class HandshakeFault extends Error {
  readonly reason: HandshakeReason;
  constructor(reason: HandshakeReason, message: string) {
    super(message);
    this.name = 'HandshakeFault';
    this.reason = reason;
  }
}

/** The other end speaks another protocol, most likely plain HTTP. */
export class NoHandshake extends HandshakeFault {
  constructor() {
    super('no-proof', 'it sent something else than a handshake');
  }
}

/** Bytes of one message, its newline not counted. */
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const BRACE = '{'.charCodeAt(0);

/** The next line, which has to begin like a JSON object. Leaves the socket paused, with all that follows still in it. */
export function readLine(socket: Socket): Promise<string> {
  if (socket.destroyed) return Promise.reject(new HandshakeFault('no-proof', 'it left'));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  const onData = (chunk: Buffer) => {
    const first = chunks[0] ?? chunk;
    const end = chunk.indexOf(NEWLINE);
    const taken = end === -1 ? chunk : chunk.subarray(0, end);
    chunks.push(taken);
    size += taken.length;
    if (first[0] !== BRACE) fail(new NoHandshake());
    else if (size > MAX_LINE_BYTES)
      fail(new HandshakeFault('malformed', `its message is over ${MAX_LINE_BYTES} bytes`));
    else if (end !== -1) {
      stop();
      const rest = chunk.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      resolve(Buffer.concat(chunks, size).toString());
    }
  };
  const onLeave = () => fail(new HandshakeFault('no-proof', 'it left'));
  const fail = (error: Error) => {
    stop();
    reject(error);
  };
  const stop = () => {
    socket.pause();
    socket.off('data', onData).off('error', fail).off('end', onLeave).off('close', onLeave);
  };
  socket.on('data', onData).on('error', fail).on('end', onLeave).on('close', onLeave);
  socket.resume();
  return promise;
}

/** Waits for what a handshake does, but not for longer than its time limit. */
export async function withinLimit<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const stop = afterReading(limitMs, () => reject(new HandshakeFault('timeout', `not done within ${limitMs} ms`)));
  try {
    return await Promise.race([work, late]);
  } finally {
    stop();
  }
}
