import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Generation } from '../../../src/operator/certificates/generation.ts';
import { carryOn, type HeldSince } from '../../../src/operator/certificates/held-since.ts';
import { type Plan, planRotation, takeStep } from '../../../src/operator/certificates/plan.ts';
import {
  bundleOf,
  readContent,
  type SecretData,
  writeContent,
} from '../../../src/operator/certificates/secret-content.ts';
import { DAY, expiry, fingerprint, make, only, START, service, verifies } from './generations.ts';

/** Making one takes milliseconds; the walks share those of a day. */
const made = new Map<string, Promise<Generation>>();
function nth(n: number, now: number): Promise<Generation> {
  const day = Math.floor(now / DAY) * DAY;
  const key = `${n % 4} ${day}`;
  const known = made.get(key) ?? make(day);
  made.set(key, known);
  return known;
}

/** A leader between its look and its write: what it saw may be outdated by then. */
interface Look {
  readonly version: number;
  readonly plan: Plan;
  readonly data: SecretData;
}

/** The Secret, two APIServices that get its bundle sooner or later, and two replicas that take its certificate so. */
class World {
  now: number;
  version = 1;
  data: SecretData;
  readonly bundles: [string, string];
  readonly replicas: [string, string];
  readonly answers: [boolean, boolean] = [true, true];
  readonly steps: string[] = [];
  #heldSince: HeldSince = new Map();
  #made = 0;

  constructor(first: Generation, now: number) {
    this.now = now;
    this.data = writeContent(only(first));
    this.bundles = [first.ca, first.ca];
    this.replicas = [first.certificate, first.certificate];
  }

  get content() {
    return readContent(this.data, service, this.now);
  }

  look(): Look {
    const { content, data, now, version } = this;
    this.#heldSince = carryOn(this.#heldSince, bundleOf(content), this.bundles, now);
    const served = this.replicas.map((pem, index) => (this.answers[index] ? fingerprint(pem) : undefined));
    return { version, data, plan: planRotation({ content, data, heldSince: this.#heldSince, served, now }) };
  }

  /** As with a resource version: nothing is written over what was not seen. */
  async write({ version, data, plan: { step } }: Look): Promise<void> {
    if (step === undefined) return;
    const content = readContent(data, service, this.now);
    const after = await takeStep(step, content, () => nth(this.#made++, this.now));
    if (version !== this.version) return;
    this.data = writeContent(after);
    this.version++;
    this.steps.push(step);
  }

  wait(ms: number): void {
    this.now += ms;
  }

  newLeader(): void {
    this.#heldSince = new Map();
  }

  register(index: 0 | 1): void {
    this.bundles[index] = bundleOf(this.content);
  }

  reload(index: 0 | 1): void {
    const { current } = this.content;
    if (current) this.replicas[index] = current.certificate;
  }

  /** Who cannot be verified, though what it serves has not expired. */
  get broken(): string[] {
    return this.replicas.flatMap((certificate, replica) =>
      this.bundles.flatMap((bundle, index) =>
        this.now >= expiry(certificate) || verifies(bundle, certificate, this.now)
          ? []
          : [`replica ${replica} by APIService ${index} after ${this.steps.join(', ')}`],
      ),
    );
  }

  /** Everybody does what they should, until nothing is left to do. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      const look = this.look();
      idle = look.plan.lookAgainAt > this.now + 10_000 ? idle + 1 : 0;
      await this.write(look);
      for (const index of [0, 1] as const) {
        this.register(index);
        this.reload(index);
        this.answers[index] = true;
      }
      this.wait(6_000);
    }
  }
}

/** What happens in a rotation, in order. */
const ROTATION = [
  (world: World) => world.write(world.look()),
  (world: World) => world.register(0),
  (world: World) => world.register(1),
  (world: World) => void world.look(),
  (world: World) => world.wait(10_000),
  (world: World) => world.write(world.look()),
  (world: World) => world.reload(0),
  (world: World) => world.reload(1),
  (world: World) => world.write(world.look()),
  (world: World) => world.register(0),
  (world: World) => world.register(1),
];
const RIPE = START + 61 * DAY;

test('a rotation takes three steps, and every replica can be verified in between', async () => {
  const world = new World(await nth(9, START), RIPE);
  for (const happens of ROTATION) {
    await happens(world);
    expect(world.broken).toEqual([]);
  }
  expect(world.steps).toEqual(['stage', 'promote', 'drop']);
  expect(world.content.previous).toEqual([]);
  expect(world.replicas).not.toContain((await nth(9, START)).certificate);
});

test.for(ROTATION.map((_, index) => index))(
  'a leader that goes after %i of what happens is followed up',
  async (end) => {
    const world = new World(await nth(9, START), RIPE);
    for (const happens of ROTATION.slice(0, end)) await happens(world);
    const late = world.look();
    world.newLeader();
    for (let round = 0; round < 20; round++) {
      await world.write(world.look());
      expect(world.broken).toEqual([]);
      for (const happens of [
        () => world.register(0),
        () => world.reload(1),
        () => world.register(1),
        () => world.reload(0),
      ]) {
        happens();
        expect(world.broken).toEqual([]);
        // The old leader's last request may still be on its way.
        await world.write(late);
      }
      world.wait(6_000);
    }
    expect(world.steps).toEqual(['stage', 'promote', 'drop']);
  },
);

const either = fc.constantFrom(0 as const, 1 as const);
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'lead' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'look' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'write late' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'new leader' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('register' as const), index: either }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reload' as const), index: either }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hide' as const), index: either }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 10_000, DAY, 10 * DAY) }),
  },
);

test('whatever happens in whatever order, every replica can be verified, and in the end all serve a young certificate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 20, maxLength: 80 }), async (happenings) => {
      const world = new World(await nth(9, START), RIPE);
      const late: Look[] = [];
      for (const one of happenings) {
        if (one.kind === 'lead') await world.write(world.look());
        if (one.kind === 'look') late.push(world.look());
        if (one.kind === 'write late') await Promise.all(late.splice(0).map((look) => world.write(look)));
        if (one.kind === 'new leader') world.newLeader();
        if (one.kind === 'register') world.register(one.index);
        if (one.kind === 'reload') world.reload(one.index);
        if (one.kind === 'hide') world.answers[one.index] = !world.answers[one.index];
        if (one.kind === 'wait') world.wait(one.ms);
        // Nobody led for so long that the certificate expired: it is replaced at once, and the others follow.
        if (world.content.current === undefined) break;
        expect(world.broken).toEqual([]);
      }
      await world.settle();
      const { current, next, previous } = world.content;
      expect({ next, previous, broken: world.broken }).toEqual({ next: undefined, previous: [], broken: [] });
      expect(world.replicas).toEqual([current?.certificate, current?.certificate]);
      expect(expiry(world.replicas[0]) - world.now).toBeGreaterThan(29 * DAY);
    }),
    { numRuns: 40 },
  );
});
