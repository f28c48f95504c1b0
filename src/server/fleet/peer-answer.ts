import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { answerEmpty, answerJson } from '../answers.ts';
import type { Refuse } from '../refusals.ts';

/** Tells a pod that asked for a client what the client itself must not see. */
const HEADER = 'x-berth-answer';

/** Tells a pod that passes a stream on whose it is, so that it can ask to have it closed. */
const SESSION_HEADER = 'x-berth-session';

/** Goes with the head of a stream that is a session. */
export const sessionHeaders = (id: string): OutgoingHttpHeaders => ({ [SESSION_HEADER]: id });

/** The session that a stream is; nothing when it is another kind of answer. */
export function sessionOf({ headers }: IncomingMessage): string | undefined {
  const id = headers[SESSION_HEADER];
  return typeof id === 'string' ? id : undefined;
}

/** What a pod answers a request that was passed on to it, when it does not serve it. */
export type PeerAnswer =
  | { readonly kind: 'full' /** Whether that will not be over in a moment. */; readonly busy?: boolean }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'moved'; readonly address: string; readonly epoch: number };

/** 421: the request came to the wrong pod (RFC 9110 §15.5.20). */
export function answerMisdirected(res: ServerResponse, answer: PeerAnswer): void {
  const text = answer.kind === 'moved' ? `moved ${answer.epoch} ${answer.address}` : answer.kind;
  answerEmpty(res, 421, { [HEADER]: text });
}

/** Refuses work that a peer passed on: it has others to ask, and counts the refusal if there is one. */
export const refusePeer: Refuse = (res, reason) =>
  answerJson(res, 503, { reason }, { [HEADER]: reason === 'pressure' ? 'full busy' : 'full' });

/** Reads such an answer; `undefined` when it is the session's own. */
export function readPeerAnswer({ headers }: IncomingMessage): PeerAnswer | undefined {
  const text = headers[HEADER];
  if (typeof text !== 'string') return undefined;
  const [kind, epoch, address] = text.split(' ');
  if (kind === 'moved' && address !== undefined) return { kind, address, epoch: Number(epoch) };
  return kind === 'full' ? { kind, busy: epoch === 'busy' } : { kind: 'unknown' };
}
