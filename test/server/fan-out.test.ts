import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FanOut } from '../../src/server/fan-out.ts';
import { SessionChanges } from '../../src/server/legacy/session-changes.ts';
import type { Change } from '../../src/server/notifier.ts';

const change = (id: string): Change => ({ id, method: 'notifications/tools/list_changed' });
const names = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

/** Takes as long as telling a client does when it is slow. */
const spin = (milliseconds: number) => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

test('everyone is told of every change once, in order, while the event loop turns', async () => {
  const told = new Map<string, string[]>();
  let turns = 0;
  const fanOut = new FanOut((id, { id: what }) => {
    spin(0.1);
    told.set(id, [...(told.get(id) ?? []), what]);
  });
  fanOut.add(change('a'), names(200));
  fanOut.add(change('b'), names(200));
  expect(told.size).toBeLessThan(200);
  for (; told.get('s199')?.length !== 2; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(5);
  expect([...told.values()]).toEqual(names(200).map(() => ['a', 'b']));
});

test('who is about to go is told at once, and not a second time', async () => {
  const told: string[] = [];
  const fanOut = new FanOut((id, { id: what }) => {
    spin(1);
    told.push(`${id} ${what}`);
  });
  fanOut.add(change('a'), names(20));
  fanOut.add(change('b'), names(20));
  fanOut.flush('s19');
  expect(told.slice(-2)).toEqual(['s19 a', 's19 b']);
  while (told.length < 40) await nextTurn();
  await nextTurn();
  expect(new Set(told).size).toBe(40);
  expect(told).toHaveLength(40);
});

test('what is told again before anybody was told is told once, to all who want to know by then', async () => {
  const told: string[] = [];
  const fanOut = new FanOut((id, { id: what }) => {
    spin(1);
    told.push(`${id} ${what}`);
  });
  fanOut.add(change('running'), names(5));
  for (let i = 0; i < 1_000; i++) fanOut.add(change(`waiting ${i}`), i < 999 ? names(5) : names(6));
  while (told.length < 11) await nextTurn();
  await nextTurn();
  expect(told).toEqual([...names(5).map((id) => `${id} running`), ...names(6).map((id) => `${id} waiting 0`)]);
});

test('who is elsewhere is told nothing, and one that throws keeps nobody else waiting', async () => {
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const told: string[] = [];
  const fanOut = new FanOut((id) => {
    spin(1);
    if (id === 's3') throw new Error('as asked');
    told.push(id);
  });
  fanOut.add(change('a'), names(10));
  fanOut.forget('s8');
  await warned;
  while (told.length < 8) await nextTurn();
  fanOut.add(change('b'), ['later']);
  while (told.length < 9) await nextTurn();
  expect(told).toEqual([...names(10).filter((id) => id !== 's3' && id !== 's8'), 'later']);
});

/** Sessions that want to know of everything, of which the first ones take so long that what is published next waits. */
function sessionsWithLongRound() {
  const told: string[] = [];
  const sessions = new Map<string, { readonly record: { readonly id: string }; wants(): boolean; notify(): void }>();
  const add = (id: string, notify: (change: Change) => void) => {
    const session = { record: { id }, wants: () => true, notify };
    sessions.set(id, session as never);
    return session as never;
  };
  for (const id of names(20)) add(id, () => spin(1));
  const changes = new SessionChanges({
    ids: () => [...sessions.keys()],
    find: (id) => sessions.get(id) as never,
    clock: () => performance.now(),
  });
  changes.publish({ id: 'long', method: 'notifications/prompts/list_changed' });
  const arrive = (...heard: string[]) => {
    const session = add('moved', ({ method }) => told.push(method));
    changes.catchUp(session, ['long', ...heard]);
  };
  /** What the session that moved is told of, once all rounds are over. */
  const heardInTheEnd = async () => {
    let over = false;
    add('last', () => (over = true));
    changes.publish({ id: 'end', method: 'notifications/resources/list_changed' });
    while (!over) await nextTurn();
    return told.filter((method) => method === change('').method).length;
  };
  return { changes, told, arrive, heardInTheEnd };
}

test('a change that waits is told to who heard of the one before it where it came from', async () => {
  const { changes, arrive, heardInTheEnd } = sessionsWithLongRound();
  changes.publish(change('first'));
  arrive('first');
  changes.publish(change('second'));
  expect(await heardInTheEnd()).toBe(1);
});

test('so it is to one that goes on before its turn', async () => {
  const { changes, told, arrive } = sessionsWithLongRound();
  changes.publish(change('first'));
  arrive('first');
  changes.publish(change('second'));
  changes.flush('moved');
  expect(told).toEqual([change('').method]);
  expect(changes.heard).toEqual(['long', 'first', 'second']);
});

test('who heard of a later change elsewhere is told of the one before it', async () => {
  const { changes, arrive, heardInTheEnd } = sessionsWithLongRound();
  arrive('second');
  changes.publish(change('first'));
  changes.publish(change('second'));
  expect(await heardInTheEnd()).toBe(1);
});

test('who heard of a change elsewhere is not told of it', async () => {
  const { changes, arrive, heardInTheEnd } = sessionsWithLongRound();
  arrive('first', 'second');
  changes.publish(change('first'));
  changes.publish(change('second'));
  expect(await heardInTheEnd()).toBe(0);
});
