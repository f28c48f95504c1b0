import fc from 'fast-check';
import { Draft, type Held } from './draft.ts';
import { BODIES } from './odd-bodies.ts';
import { HEADERS } from './odd-headers.ts';
import { CALLS } from './plain-calls.ts';
import { bare, call, cancel, INITIALIZED, postOf, request, type Step, VERSIONS } from './script.ts';

type Operation = (draft: Draft) => void;

/** Calls that say nothing on the standalone stream, and change nothing. */
const PURE = CALLS.filter((body) => !/"tell"|"touch"|"change"|setLevel|subscribe/.test(JSON.stringify(body)));
const SMALL = Object.values(BODIES).filter((body) => (JSON.stringify(body)?.length ?? 0) < 10_000);

const index = fc.nat({ max: 3 });
const pure = fc.constantFrom(...PURE) as fc.Arbitrary<object>;

const oddHeaders = fc
  .uniqueArray(fc.constantFrom(...Object.values(HEADERS)), { maxLength: 2 })
  .map((all): Readonly<Record<string, string | undefined>> => Object.assign({}, ...all));

/** One request with whatever is wrong with it. */
const odd: fc.Arbitrary<Operation> = fc
  .record({ body: fc.oneof(fc.constantFrom(...SMALL), pure), headers: fc.oneof(fc.constant({}), oddHeaders) })
  .map(
    ({ body, headers }) =>
      (draft) =>
        draft.finish(draft.written(body, headers)),
  );

const burst: fc.Arbitrary<Operation> = fc.array(pure, { minLength: 2, maxLength: 6 }).map((bodies) => (draft) => {
  const sent = bodies.map((body) => draft.send(draft.written({ ...body, id: draft.id() })));
  for (const ended of sent) draft.steps.push({ ended });
});

const others = [
  INITIALIZED,
  cancel('nobody'),
  { jsonrpc: '2.0', id: 'nobody', result: {} },
  { jsonrpc: '2.0', id: 'nobody', error: { code: -1, message: 'no' } },
];

const batch: fc.Arbitrary<Operation> = fc
  .array(fc.oneof(pure, fc.constantFrom(...others)), { minLength: 1, maxLength: 5 })
  .map((bodies) => (draft) => {
    draft.post(bodies.map((body) => (others.includes(body as never) ? body : { ...body, id: draft.id() })));
  });

/** Lets calls begin that end when something else is done. */
const hold: fc.Arbitrary<Operation> = fc.boolean().map((said) => (draft) => {
  const [id, key] = [draft.id(), draft.id()];
  const index = draft.send(draft.written(call('hold', { key, say: said }, id)));
  if (said) draft.steps.push({ heard: index, messages: 1 });
  draft.running(1);
  draft.held.push({ index, id, key, said });
});

function release(draft: Draft, { key }: Held): void {
  draft.post(call('release', { key }, draft.id()));
  draft.running(-1);
}

const ENDS: Readonly<Record<string, (draft: Draft, held: Held) => void>> = {
  released(draft, held) {
    release(draft, held);
    draft.steps.push({ ended: held.index });
  },
  cancelled(draft, { id }) {
    draft.post(cancel(id));
    draft.running(-1);
  },
  left(draft, held) {
    draft.steps.push({ leave: held.index });
    release(draft, held);
  },
  'resumed before its end'(draft, held) {
    if (!held.said) return ENDS['released']?.(draft, held);
    draft.steps.push({ leave: held.index });
    const back = draft.resume(held.index);
    release(draft, held);
    draft.steps.push({ ended: back });
  },
  'resumed after its end'(draft, held) {
    ENDS['left']?.(draft, held);
    if (held.said) draft.steps.push({ heard: draft.resume(held.index), messages: 1 });
  },
};

const end: fc.Arbitrary<Operation> = fc
  .record({ index, how: fc.constantFrom(...Object.values(ENDS)) })
  .map(({ index, how }) => (draft) => {
    const [held] = draft.held.splice(index % Math.max(draft.held.length, 1), 1);
    if (held !== undefined) how(draft, held);
  });

const ANSWERS: Readonly<Record<string, readonly object[]>> = {
  sampling: [{ result: { model: 'm', role: 'assistant', content: { type: 'text', text: 'Yes.' } } }],
  elicitation: [{ result: { action: 'accept', content: { name: 'Ada' } } }, { result: { action: 'decline' } }],
  roots: [{ result: { roots: [{ uri: 'file:///a', name: 'a' }] } }],
};

/** A question of the server's with the answers that it gets, most of them one. */
const ask: fc.Arbitrary<Operation> = fc.constantFrom(...Object.keys(ANSWERS)).chain((what) => {
  const wrong = [{ error: { code: -1, message: 'no', data: [1] } }, { result: {} }, { result: { roots: 5 } }];
  const answer = fc.constantFrom(...(ANSWERS[what] ?? []), ...wrong);
  return fc.record({ answer, stray: fc.boolean(), twice: fc.boolean() }).map(({ answer, stray, twice }) => (draft) => {
    const asked = draft.send(draft.written(call('ask', { what }, draft.id())));
    draft.steps.push({ heard: asked, messages: 1 });
    const id = `$asked:${asked}`;
    if (stray) draft.post({ jsonrpc: '2.0', id: 'stray', ...answer });
    draft.post({ jsonrpc: '2.0', id, ...answer });
    if (twice) draft.post({ jsonrpc: '2.0', id, ...answer });
    draft.steps.push({ ended: asked });
  });
});

const ONE = { uri: 'note://one' };

const news: fc.Arbitrary<Operation> = fc.constantFrom<Operation>(
  (draft) => draft.news(call('tell', { data: draft.id() }, draft.id()), draft.quiet ? 0 : 1),
  (draft) => draft.news(call('touch', ONE, draft.id()), draft.subscribed ? 1 : 0),
  (draft) => draft.news(call('change', {}, draft.id()), 2),
  (draft) => draft.stopListening(),
);

/** What a client asks for once and for all. */
const wish: fc.Arbitrary<Operation> = fc.boolean().chain((more) =>
  fc.constantFrom<Operation>(
    (draft) => {
      draft.quiet = !more;
      draft.post(request('logging/setLevel', { level: more ? 'debug' : 'error' }, draft.id()));
    },
    (draft) => {
      draft.subscribed = more;
      draft.post(request(more ? 'resources/subscribe' : 'resources/unsubscribe', ONE, draft.id()));
    },
  ),
);

const listen: fc.Arbitrary<Operation> = index.map((without) => (draft) => draft.listen(without));

const operation = fc.oneof(
  { weight: 6, arbitrary: odd },
  { weight: 2, arbitrary: burst },
  { weight: 2, arbitrary: batch },
  { weight: 3, arbitrary: hold },
  { weight: 3, arbitrary: end },
  { weight: 2, arbitrary: ask },
  { weight: 3, arbitrary: news },
  { weight: 3, arbitrary: listen },
  { weight: 2, arbitrary: wish },
);

/** How a session ends: with whatever still comes after it. */
const last: fc.Arbitrary<Operation> = fc.constantFrom<Operation>(
  () => {},
  (draft) => {
    for (const sent of [bare('DELETE'), postOf(request('ping')), bare('GET'), bare('DELETE')]) draft.finish(sent);
  },
);

/** Sessions in which anything may happen. */
export const anyScript: fc.Arbitrary<readonly Step[]> = fc
  .record({
    version: fc.constantFrom(...VERSIONS, '2024-10-07', '2099-01-01'),
    askable: fc.boolean(),
    operations: fc.array(operation, { minLength: 1, maxLength: 12 }),
    last,
  })
  .map(({ version, askable, operations, last }) => {
    const draft = new Draft(version, askable);
    for (const operate of [...operations, last]) operate(draft);
    return draft.steps;
  });
