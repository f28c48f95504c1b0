import { isDeepStrictEqual } from 'node:util';
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { faultsOf } from './faults.ts';
import {
  cancelledIn,
  codeOf,
  type Difference,
  empty,
  endsWith,
  errorIn,
  idsIn,
  isAnswer,
  isJson,
  isStandalone,
  json,
  listeners,
  openIds,
  primes,
  withError,
  wordsOf,
} from './retelling.ts';
import { ACCEPT, messagesIn } from './script.ts';

/** Where berth does otherwise than the SDK's transport on purpose, in the order in which it is applied. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'kinds of answers': {
    why: 'Who accepts */* accepts what there is (RFC 9110 §12.5.1); the SDK looks for the names alone.',
    ask(sent) {
      const { accept = '' } = sent.headers;
      const wide = accept === '*/*' || accept === 'application/*, text/*';
      return wide ? { ...sent, headers: { ...sent.headers, accept: ACCEPT } } : sent;
    },
  },
  'empty session id': {
    why: 'An empty session id is one that nobody has; to the SDK it is none.',
    ask(sent) {
      const without = sent.headers['mcp-session-id'] === '';
      return without ? { ...sent, headers: { ...sent.headers, 'mcp-session-id': 'unknown' } } : sent;
    },
  },
  'byte order mark': {
    why: 'JSON must not begin with a byte order mark (RFC 8259 §8.1); the SDK takes it away.',
    ask: (sent) => (sent.body?.startsWith('\uFEFF') === true ? { ...sent, body: `!${sent.body}` } : sent),
  },
  'empty batch': {
    why: 'An empty batch is an invalid request (JSON-RPC 2.0 §6); the SDK accepts it.',
    ask: (sent) => (sent.body === '[]' ? { ...sent, body: '{}' } : sent),
  },
  'content encoding': {
    why: 'A body that is said to be compressed is refused; the SDK reads it as if nothing had been said.',
    ask(sent) {
      const { 'content-encoding': encoding = 'identity' } = sent.headers;
      return encoding === 'identity' ? sent : { ...sent, headers: { ...sent.headers, 'content-type': 'text/plain' } };
    },
  },
  'error with id null': {
    why: 'The id of an error is null where none could be read (JSON-RPC 2.0 §5); the SDK wants it left out.',
    ask(sent) {
      const [message, ...others] = messagesIn(sent);
      const mute = message?.['id'] === null && 'error' in message && others.length === 0;
      return mute ? { ...sent, body: JSON.stringify({ ...message, id: undefined }) } : sent;
    },
  },
  'initialize without an id': {
    why: 'Nobody could be told the session that it opens; the SDK opens one.',
    ask(sent) {
      const [message] = messagesIn(sent);
      const mute = message?.['method'] === 'initialize' && message['id'] === undefined;
      return mute ? { ...sent, body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }) } : sent;
    },
  },
  'initialize that is none': {
    why: 'The server says what is wrong with an initialize; to the SDK it is a call without a session, or a call in one.',
    retell(answer, { sent, berth }) {
      const [message, ...others] = messagesIn(sent);
      const none = message?.['method'] === 'initialize' && !isInitializeRequest(message) && others.length === 0;
      const unsaid = [200, 404].includes(answer.status) || (answer.status === 400 && codeOf(answer) === -32000);
      if (!none || !unsaid || message['id'] === undefined) return answer;
      const { id } = message;
      const error = (code: number) => ({ jsonrpc: '2.0', id, error: { code, message: wordsOf(berth) } });
      const session = sent.headers['mcp-session-id'] !== undefined;
      return session ? json(answer, 400, [error(-32600)]) : json(answer, 200, [error(-32603)]);
    },
  },
  preflight: {
    why: 'A browser asks with OPTIONS before it sends a request to another origin.',
    retell(answer, { sent }) {
      if (answer.allow === undefined) return answer;
      return sent.method === 'OPTIONS' ? empty(answer, 204) : { ...answer, allow: `${answer.allow}, OPTIONS` };
    },
  },
  'invalid request': {
    why: 'What is JSON but no message is an invalid request (JSON-RPC 2.0 §5.1); the SDK calls it a parse error.',
    retell(answer, { sent }) {
      if (answer.status !== 400 || codeOf(answer) !== -32700 || !isJson(sent)) return answer;
      return withError(answer, (told) => ({ ...told, error: { ...told.error, code: -32600 } }));
    },
  },
  'first fault': {
    why: 'Of several things that are wrong with a request, each server names the one that it sees first.',
    retell(answer, { sent, berth }) {
      const faults = faultsOf(sent);
      const both = [answer, berth].every((one) => faults.has(one.status) && errorIn(one) !== undefined);
      const same = answer.status === berth.status && codeOf(answer) === codeOf(berth);
      if (!both || same) return answer;
      const code = { 400: -32000, 404: -32001, 406: -32000, 415: -32000 }[berth.status];
      const codes = berth.status === 400 ? [-32000, -32600, -32700] : [code];
      return codes.includes(codeOf(berth) ?? 0)
        ? json(answer, berth.status, [{ ...errorIn(berth), id: null }])
        : answer;
    },
  },
  'malformed _meta': {
    why: 'The server refuses _meta that it can not read, by the id of the request; the SDK refuses the whole body.',
    retell(answer, { sent, berth }) {
      const [id] = idsIn(sent);
      const meta = messagesIn(sent).some(
        ({ params }) => (params as { _meta?: unknown } | undefined)?._meta !== undefined,
      );
      if (answer.status !== 400 || codeOf(answer) !== -32600 || !meta || id === undefined) return answer;
      return json(answer, 200, [{ jsonrpc: '2.0', id, error: { code: -32600, message: wordsOf(berth) } }]);
    },
  },
  'id in flight': {
    why: 'An id that is in use is refused, and the first call keeps its answer; with the SDK that goes astray.',
    retell(answer, exchanged, all) {
      const { sent, berth } = exchanged;
      const ids = idsIn(sent);
      const others = all.filter((other) => other !== exchanged && idsIn(other.sent).some((id) => ids.includes(id)));
      const inFlight = (one: typeof berth) => wordsOf(one).endsWith('is already in flight.');
      if (inFlight(berth) && (others.length > 0 || new Set(ids).size < ids.length)) {
        const error = { code: -32600, message: wordsOf(berth) };
        return json(answer, 400, [{ jsonrpc: '2.0', id: ids[0], error }]);
      }
      const robbed = others.some((other) => inFlight(other.berth)) && answer.messages.length === 0;
      return robbed && berth.messages.every(isAnswer) ? { ...answer, messages: berth.messages } : answer;
    },
  },
  'id of an error': {
    why: 'An error names the request that it is about where its id can be read; the SDK names none.',
    retell(answer, { sent, berth }) {
      const { id } = errorIn(berth) ?? {};
      if (answer.status < 400 || id === undefined || id === null || !idsIn(sent).includes(id)) return answer;
      return withError(answer, (told) => ({ ...told, id }));
    },
  },
  words: {
    why: 'What a refusal says is up to the server; its code is not.',
    retell(answer, { berth }) {
      if (answer.status < 400 || errorIn(berth) === undefined) return answer;
      return withError(answer, (told) => ({ ...told, error: { ...told.error, message: wordsOf(berth) } }));
    },
  },
  'replaced stream': {
    why: 'A new standalone stream replaces the old one, whose socket may be half-open; the SDK refuses it (design §3.4).',
    retell(answer, exchanged, all) {
      const group = listeners(exchanged, all);
      const [first] = group;
      if (first === undefined || group.length < 2 || !group.includes(exchanged)) return answer;
      const shared = group.flatMap(({ berth }) => berth.messages);
      if (!isDeepStrictEqual(shared, first.reference.messages)) return answer;
      const { messages } = exchanged.berth;
      const ended = exchanged === group.at(-1) ? first.reference.ended : 'itself';
      return { ...first.reference, messages, numbered: messages.length, ended };
    },
  },
  'first reader': {
    why: 'What comes before anybody listens waits for the first reader; with the SDK it is lost.',
    retell(answer, exchanged, all) {
      const { messages } = exchanged.berth;
      const first = answer.status === 200 && listeners(exchanged, all)[0] === exchanged;
      if (!first || !endsWith(messages, answer.messages) || messages.some(isAnswer)) return answer;
      return { ...answer, messages, numbered: messages.length };
    },
  },
  'order in a batch': {
    why: 'The answers to a batch come in any order (JSON-RPC 2.0 §6).',
    retell(answer, { sent, berth: { messages } }) {
      const both = messages.every((message) => answer.messages.some((other) => isDeepStrictEqual(message, other)));
      const batch = idsIn(sent).length > 1 && both && messages.length === answer.messages.length;
      return batch ? { ...answer, messages } : answer;
    },
  },
  'end of a replay': {
    why: 'A stream that was resumed ends with the last answer, and is not opened when there is nothing more; the SDK leaves it open.',
    retell(answer, exchanged, all) {
      const original = exchanged.resumes === undefined ? undefined : all[exchanged.resumes];
      if (answer.status !== 200 || original === undefined || isStandalone(exchanged, all)) return answer;
      const heard = [...original.berth.messages, ...answer.messages];
      if (openIds(original.sent, heard).length > 0) return answer;
      const ended = { ...answer, ended: 'itself' } as const;
      return answer.messages.length === 0 ? empty(ended, 204) : ended;
    },
  },
  cancelled: {
    why: 'A call that is cancelled ends its exchange at once (design §3.4); the SDK leaves it open.',
    retell(answer, { sent }, all) {
      const open = openIds(sent, answer.messages);
      const cancelled = cancelledIn(sent, all);
      if (answer.status !== 200 || open.length === 0 || !open.every((id) => cancelled.includes(id))) return answer;
      return { ...answer, ended: 'itself', primed: answer.primed && answer.messages.length > 0 };
    },
  },
  'end of the session': {
    why: 'A call that its session ends under is answered with an error; the SDK just ends the stream.',
    retell(answer, { sent, berth }, all) {
      const cancelled = cancelledIn(sent, all);
      const open = openIds(sent, answer.messages).filter((id) => !cancelled.includes(id));
      const goesOn = all.some(({ resumes }) => resumes !== undefined && all[resumes]?.sent === sent);
      if (answer.status !== 200 || open.length === 0 || answer.ended === 'left' || goesOn) return answer;
      const message = errorIn(berth)?.error.message ?? 'Session ended: deleted';
      const errors = open.map((id) => ({ jsonrpc: '2.0', id, error: { code: -32001, message } }));
      if (answer.messages.length === 0 && !berth.late) return json(answer, 404, errors.slice(0, 1));
      return { ...answer, messages: [...answer.messages, ...errors], numbered: answer.numbered + errors.length };
    },
  },
  form: {
    why: 'An answer that comes first and soon is JSON (design §3.4); the SDK always streams.',
    retell(answer, { sent, berth }) {
      const plain = sent.method === 'POST' && answer.type === 'events' && answer.messages.every(isAnswer);
      if (!plain || answer.messages.length === 0 || berth.late) return answer;
      return { ...json(answer, answer.status, answer.messages), session: answer.session };
    },
  },
  'late answer': {
    why: 'What is not answered within 2 s becomes a stream then, and not before.',
    retell: (answer, { sent, berth }) => (sent.method === 'POST' && berth.late ? { ...answer, late: true } : answer),
  },
  'session id': {
    why: 'The session id comes with the answer to initialize, where the specification puts it; the SDK repeats it.',
    retell: (answer, { sent: { headers } }) =>
      headers['mcp-session-id'] === undefined ? answer : { ...answer, session: false },
  },
  priming: {
    why: 'The standalone stream is primed too, and it is the negotiated version that decides, not a header.',
    retell(answer, exchanged, all) {
      const { sent } = exchanged;
      if (answer.type !== 'events' || (answer.messages.length === 0 && sent.method === 'POST')) return answer;
      return { ...answer, primed: primes(sent, all) && (sent.method === 'POST' || isStandalone(exchanged, all)) };
    },
  },
  'ids of questions': {
    why: 'A server object that was made again asks under ids that the one before it has not used (MCP 2025-11-25, requests).',
    retell: (answer, { berth }) => ({ ...answer, messages: withQuestionIds(answer.messages, berth.messages) }),
  },
};

/** The messages as they are with the ids of the other questions. */
function withQuestionIds(messages: readonly unknown[], others: readonly unknown[]): readonly unknown[] {
  return messages.map((message, index) => {
    const other = others[index];
    return isQuestion(message) && isQuestion(other) ? { ...message, id: other.id } : message;
  });
}

const isQuestion = (message: unknown): message is { readonly id: unknown } =>
  typeof message === 'object' && message !== null && 'method' in message && 'id' in message;
