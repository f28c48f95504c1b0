import { expect, test } from 'vitest';
import { planRotation, type Situation, takeStep } from '../../../src/operator/certificates/plan.ts';
import { readContent, type SecretContent, writeContent } from '../../../src/operator/certificates/secret-content.ts';
import { DAY, fingerprint, make, only, START, service } from './generations.ts';

const [first, second, third] = await Promise.all([make(START), make(START + 61 * DAY), make(START + 122 * DAY)]);
const staged = { current: first, next: second, previous: [] };
const promoted = { current: second, next: undefined, previous: [first.ca] };
const RIPE = START + 61 * DAY;

function situation(content: SecretContent, now: number, rest: Partial<Situation> = {}): Situation {
  const data = rest.data ?? writeContent(content);
  return { content: readContent(data, service, now), data, heldSince: new Map(), served: [], now, ...rest };
}

const heldSince = (ca: string, since: number) => ({ heldSince: new Map([[fingerprint(ca), since]]) });
const serving = (...pems: readonly (string | undefined)[]) => ({
  served: pems.map((pem) => (pem === undefined ? undefined : fingerprint(pem))),
});

const extra = { 'ca.crt': Buffer.from(first.ca + third.ca).toString('base64') };
/** Of the life, which began five minutes before. */
const THIRD = (90 * DAY + 5 * 60_000) / 3;

test.for<[string, Situation, string | undefined, number?]>([
  ['with nothing in the Secret it is made', situation({ ...only(first), current: undefined }, START), 'create'],
  ['an expired certificate is replaced at once', situation(only(first), START + 90 * DAY), 'create'],
  ['so is one that expired with its successor staged', situation(staged, START + 90 * DAY), 'create'],
  [
    'with over a third of its life left nothing is done until then',
    situation(only(first), START),
    undefined,
    START + 90 * DAY - THIRD,
  ],
  ['with a third left the next is staged', situation(only(first), START + 90 * DAY - THIRD), 'stage'],
  ['a staged one waits while some API server may not know it', situation(staged, RIPE), undefined, RIPE + 5_000],
  [
    '… and for 10 s after all know it',
    situation(staged, RIPE, heldSince(second.ca, RIPE - 9_999)),
    undefined,
    RIPE + 1,
  ],
  ['… and is then promoted', situation(staged, RIPE, heldSince(second.ca, RIPE - 10_000)), 'promote'],
  [
    'that others know another authority is no reason',
    situation(staged, RIPE, heldSince(first.ca, 0)),
    undefined,
    RIPE + 5_000,
  ],
  ['the previous authority stays while nobody was seen', situation(promoted, RIPE), undefined, RIPE + 5_000],
  [
    '… while a replica cannot be asked',
    situation(promoted, RIPE, serving(second.certificate, undefined)),
    undefined,
    RIPE + 5_000,
  ],
  [
    '… while a replica serves the previous one',
    situation(promoted, RIPE, serving(first.certificate, second.certificate)),
    undefined,
    RIPE + 5_000,
  ],
  [
    '… and goes once all serve the new one',
    situation(promoted, RIPE, serving(second.certificate, second.certificate)),
    'drop',
  ],
  ['… or once it has expired', situation(promoted, START + 90 * DAY), 'tidy'],
  [
    'an authority in the bundle that nobody needs is taken out',
    situation(only(first), START, { data: { ...writeContent(only(first)), ...extra } }),
    'tidy',
  ],
  [
    'an authority that is missing in the bundle is put back',
    situation(staged, RIPE, {
      data: { ...writeContent(staged), 'ca.crt': writeContent(only(first))['ca.crt'] ?? '' },
      ...heldSince(second.ca, 0),
    }),
    'tidy',
  ],
  [
    'an expired next one is thrown away first',
    situation({ current: second, next: first, previous: [] }, START + 100 * DAY),
    'tidy',
  ],
])('%s', ([, given, step, lookAgainAt]) => {
  const plan = planRotation(given);
  expect(plan.step).toBe(step);
  expect(plan.lookAgainAt).toBe(lookAgainAt ?? given.now);
});

test('a replica that stays behind holds up neither staging nor promoting', async () => {
  const behind = { current: first, next: undefined, previous: [third.ca] };
  const staging = situation(behind, START + 90 * DAY - THIRD, serving(undefined));
  expect(planRotation(staging).step).toBe('stage');
  const promoting = situation({ ...behind, next: second }, RIPE, { ...heldSince(second.ca, 0), ...serving(undefined) });
  expect(planRotation(promoting).step).toBe('promote');
  const after = await takeStep('promote', promoting.content, () => make(RIPE));
  expect(after).toEqual({ current: second, next: undefined, previous: [first.ca, third.ca] });
});
