import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Gate, type Release } from '../../src/server/gate.ts';

test('200 clients racing for 50 slots: exactly 50 get in, 1,000 times over', async () => {
  for (let round = 0; round < 1_000; round++) {
    const gate = new Gate(50);
    const clients = Array.from({ length: 200 }, async (_, i) => {
      for (let turn = 0; turn < (i * 7 + round) % 5; turn++) await null;
      return gate.tryEnter();
    });
    const admitted = (await Promise.all(clients)).filter((release) => release !== undefined);
    expect(admitted).toHaveLength(50);
    for (const release of admitted) release();
    expect(gate.held).toBe(0);
  }
});

test('a released slot can be taken once, however often it is released', () => {
  const gate = new Gate(1);
  const release = gate.tryEnter() as Release;
  release();
  release();
  expect(gate.held).toBe(0);
  expect(gate.tryEnter()).toBeDefined();
  expect(gate.tryEnter()).toBeUndefined();
});

test('who waits in line gets the next slot before who comes later', async () => {
  const gate = new Gate(1);
  const release = gate.tryEnter() as Release;
  const waiting = gate.enter(new AbortController().signal);
  expect(gate.waiting).toBe(1);
  release();
  expect(gate.tryEnter()).toBeUndefined();
  const next = (await waiting) as Release;
  expect(gate.held).toBe(1);
  next();
  expect([gate.held, gate.waiting]).toEqual([0, 0]);
});

test('who loses patience leaves the line and takes nothing', async () => {
  const gate = new Gate(1);
  const release = gate.tryEnter() as Release;
  const patience = new AbortController();
  const waiting = gate.enter(patience.signal);
  patience.abort();
  expect(await waiting).toBeUndefined();
  release();
  expect([gate.held, gate.waiting]).toEqual([0, 0]);
});

/** The gate against the simplest thing that could be right: a number and a list. */
class TakeSlot implements fc.AsyncCommand<Model, Real> {
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const release = real.gate.tryEnter();
    expect(release !== undefined).toBe(model.held < real.gate.limit);
    if (release === undefined) return;
    model.held++;
    real.releases.push(release);
  }
  toString = () => 'take';
}

class GiveBack implements fc.AsyncCommand<Model, Real> {
  readonly #index: number;
  constructor(index: number) {
    this.#index = index;
  }
  check = (model: Model) => model.held > 0;
  async run(model: Model, real: Real): Promise<void> {
    const [release] = real.releases.splice(this.#index % real.releases.length, 1);
    release?.();
    release?.();
    if (model.line > 0) model.line--;
    else model.held--;
    await null;
    await null;
    expect([real.gate.held, real.gate.waiting]).toEqual([model.held, model.line]);
  }
  toString = () => `give back ${this.#index}`;
}

class StandInLine implements fc.AsyncCommand<Model, Real> {
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const full = model.held === real.gate.limit;
    void real.gate.enter(new AbortController().signal).then((release) => {
      if (release !== undefined) real.releases.push(release);
    });
    if (full) model.line++;
    else model.held++;
    await null;
    expect([real.gate.held, real.gate.waiting]).toEqual([model.held, model.line]);
  }
  toString = () => 'stand in line';
}

interface Model {
  held: number;
  line: number;
}
interface Real {
  readonly gate: Gate;
  readonly releases: Release[];
}

test('whatever the order of taking, waiting and giving back, the count is right', async () => {
  const commands = fc.commands([
    fc.constant(new TakeSlot()),
    fc.nat(20).map((index) => new GiveBack(index)),
    fc.constant(new StandInLine()),
  ]);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), commands, async (limit, sequence) => {
      const setup = () => ({ model: { held: 0, line: 0 }, real: { gate: new Gate(limit), releases: [] } });
      await fc.asyncModelRun(setup, sequence);
    }),
    { numRuns: 300 },
  );
});
