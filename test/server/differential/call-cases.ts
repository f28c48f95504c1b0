import { CALLS } from './plain-calls.ts';
import { bare, call, inTurn, postOf, request, type Step, VERSIONS } from './script.ts';

const listen: Step = { send: bare('GET') };

/** What a method is called that has another meaning here. */
const METHODS = ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'QUERY', 'PROPFIND'];

/** Calls, in turn and at once, and where they end before they are answered. */
export const CALL_CASES: Readonly<Record<string, readonly Step[]>> = {
  'every call, one after the other': inTurn(...CALLS.map((body) => postOf(body))),
  'every call beside a stream': [
    ...inTurn(),
    listen,
    { opened: 2 },
    ...CALLS.flatMap((body, index): Step[] => [{ send: postOf(body) }, { ended: index + 3 }]),
  ],
  'every call with a version before priming': inTurn(
    ...CALLS.map((body) => postOf(body, { 'mcp-protocol-version': VERSIONS[1] })),
  ),
  'calls at once': [
    ...inTurn(),
    ...CALLS.slice(0, 20).map((body, id): Step => ({ send: postOf({ ...(body as object), id }) })),
    ...CALLS.slice(0, 20).map((_, index): Step => ({ ended: index + 2 })),
  ],
  'other methods of HTTP': inTurn(...METHODS.map((method) => bare(method)), postOf(request('ping'))),
  'other methods of HTTP without a session': METHODS.flatMap((method, index): Step[] => [
    { send: bare(method, { 'mcp-session-id': undefined }) },
    { ended: index },
  ]),
  'an id that was used': inTurn(postOf(request('ping')), postOf(call('bare'))),
  'ids that look alike': [
    ...inTurn(),
    { send: postOf(call('hold', { key: 'a' }, 1)) },
    { holding: 1 },
    { send: postOf(call('hold', { key: 'b' }, '1')) },
    { holding: 2 },
    { send: postOf(call('release', { key: 'a' }, 2)) },
    { ended: 4 },
    { ended: 2 },
    { send: postOf(call('release', { key: 'b' }, 3)) },
    { ended: 5 },
    { ended: 3 },
  ],
  'answers in another order': [
    ...inTurn(),
    { send: postOf([call('hold', { key: 'a' }, 1), call('hold', { key: 'b' }, 2)]) },
    { holding: 2 },
    { send: postOf(call('release', { key: 'b' }, 3)) },
    { ended: 3 },
    { send: postOf(call('release', { key: 'a' }, 4)) },
    { ended: 4 },
    { ended: 2 },
  ],
  'a slow answer': [
    ...inTurn(),
    { send: postOf(call('hold', { key: 'a' }, 1)) },
    { holding: 1 },
    { opened: 2 },
    { send: postOf(call('release', { key: 'a' }, 4)) },
    { ended: 3 },
    { ended: 2 },
  ],
  'an id that is in flight': [
    ...inTurn(),
    { send: postOf(call('hold', { key: 'a' })) },
    { holding: 1 },
    { send: postOf(request('ping')) },
    { ended: 3 },
    { send: postOf(call('release', { key: 'a' }, 2)) },
    { ended: 4 },
  ],
};
