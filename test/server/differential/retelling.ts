import { isDeepStrictEqual } from 'node:util';
import { messagesIn, type Observed, type SentRequest, VERSIONS } from './script.ts';

/** One request of a script with both answers. */
export interface Exchanged {
  readonly sent: SentRequest;
  /** The request that a resumed stream belonged to first. */
  readonly resumes?: number;
  readonly reference: Observed;
  readonly berth: Observed;
}

/** Where berth does otherwise than the SDK's transport. */
export interface Difference {
  readonly why: string;
  /** What to ask the SDK in place of a request, so that it is asked what berth reads in it. */
  readonly ask?: (sent: SentRequest) => SentRequest;
  /** What the SDK answered, as berth says it; unchanged where this is no matter of it. */
  readonly retell?: (answer: Observed, exchanged: Exchanged, all: readonly Exchanged[]) => Observed;
}

interface ErrorMessage {
  readonly jsonrpc: '2.0';
  readonly id: unknown;
  readonly error: { readonly code: number; readonly message: string };
}

/** An answer without a body. */
export const empty = (answer: Observed, status: number): Observed => ({
  ...{ status, type: 'none', session: false, messages: [], primed: false, numbered: 0 },
  ...{ late: answer.late, ended: answer.ended },
});

export const json = (answer: Observed, status: number, messages: readonly unknown[]): Observed => ({
  ...empty(answer, status),
  type: 'json',
  messages,
});

/** The error that an answer consists of. */
export function errorIn({ messages }: Observed): ErrorMessage | undefined {
  const [message, ...others] = messages;
  const failed = typeof message === 'object' && message !== null && 'error' in message && others.length === 0;
  return failed ? (message as ErrorMessage) : undefined;
}

export const codeOf = (answer: Observed) => errorIn(answer)?.error.code;

/** Another error in place of one that an answer consists of. */
export function withError(answer: Observed, change: (told: ErrorMessage) => ErrorMessage): Observed {
  const told = errorIn(answer);
  return told === undefined ? answer : { ...answer, messages: [change(told)] };
}

/** What an error of berth's says in words. */
export const wordsOf = (berth: Observed) => errorIn(berth)?.error.message ?? '';

export const isAnswer = (message: unknown) => !('method' in (message as object));

export function isJson({ body = '' }: SentRequest): boolean {
  try {
    return JSON.parse(body) !== undefined;
  } catch {
    return false;
  }
}

/** The ids of the requests in a body. */
export const idsIn = (sent: SentRequest) =>
  messagesIn(sent).flatMap(({ id, method }) => (method === undefined ? [] : (id ?? [])));

/** The ids of a request that were not answered. */
export function openIds(sent: SentRequest, messages: readonly unknown[]): readonly unknown[] {
  const answered = messages.filter(isAnswer).map((message) => (message as { readonly id: unknown }).id);
  return idsIn(sent).filter((id) => !answered.includes(id));
}

/** The ids that the client of a session gave up. */
export function cancelledIn(sent: SentRequest, all: readonly Exchanged[]): readonly unknown[] {
  return sameSession(sent, all)
    .flatMap((other) => messagesIn(other.sent))
    .filter(({ method }) => method === 'notifications/cancelled')
    .map(({ params }) => (params as { readonly requestId?: unknown } | undefined)?.requestId);
}

const sameSession = ({ headers }: SentRequest, all: readonly Exchanged[]) =>
  all.filter(({ sent }) => sent.headers['mcp-session-id'] === headers['mcp-session-id']);

/** Whether a stream belongs to no request. */
export const isStandalone = ({ sent, resumes }: Exchanged, all: readonly Exchanged[]): boolean =>
  sent.method === 'GET' && (resumes === undefined || isStandalone(all[resumes] as Exchanged, all));

/** The GETs of a session that ask for its standalone stream afresh. */
export const listeners = ({ sent }: Exchanged, all: readonly Exchanged[]) =>
  sameSession(sent, all).filter(
    ({ sent: { method, headers }, reference: { status } }) =>
      method === 'GET' && headers['last-event-id'] === undefined && [200, 409].includes(status),
  );

/** Whether the client of a session knows priming events. */
export function primes({ headers }: SentRequest, all: readonly Exchanged[]): boolean {
  const [, index] = /^\$(\d+)$/.exec(headers['mcp-session-id'] ?? '') ?? [];
  const [opening] = index === undefined ? [] : messagesIn((all[Number(index)] as Exchanged).sent);
  const asked = (opening?.['params'] as { readonly protocolVersion?: string } | undefined)?.protocolVersion ?? '';
  const older: readonly string[] = [...VERSIONS.slice(1), '2024-10-07'];
  return !older.includes(asked);
}

/** Whether one list is the end of another. */
export const endsWith = (list: readonly unknown[], end: readonly unknown[]) =>
  end.length <= list.length && isDeepStrictEqual(list.slice(list.length - end.length), end);
