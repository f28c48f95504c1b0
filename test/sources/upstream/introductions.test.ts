import { expect, test } from 'vitest';
import type { Introduction } from '../../../src/sources/bridge/raw-session.ts';
import type { ClientContext } from '../../../src/sources/raw-server.ts';
import { Introductions } from '../../../src/sources/upstream/introductions.ts';
import { INTRODUCTION } from '../scripted-server.ts';

const ALICE = { headers: { authorization: 'Bearer alice' } };
const BOB = { headers: { authorization: 'Bearer bob' } };

interface Asked {
  readonly context: ClientContext;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<Introduction>;
}

/** Introductions of an upstream that answers when the test says so; `now` is the time. */
function begin() {
  const asked: Asked[] = [];
  const time = { now: 0 };
  const introductions = new Introductions({
    clock: () => time.now,
    ask: (context, signal) => {
      const answer = Promise.withResolvers<Introduction>();
      signal.addEventListener('abort', () => answer.reject(signal.reason));
      asked.push({ context, signal, answer });
      return answer.promise;
    },
  });
  /** Asks, and answers at once if it is asked for. */
  const learn = async (context: ClientContext, instructions: string) => {
    const before = asked.length;
    const found = introductions.of(context);
    if (asked.length > before) asked.at(-1)?.answer.resolve({ ...INTRODUCTION, instructions });
    return (await found).instructions;
  };
  return { introductions, asked, time, learn };
}

test.for<readonly [string, Record<string, string>]>([
  ['Authorization', { authorization: 'Bearer bob' }],
  ['cookies', { cookie: 'session=bob' }],
  ['a key of its own', { 'x-api-key': 'bob' }],
  ['a name that a proxy gave it', { 'x-goog-authenticated-user-email': 'bob' }],
  ['the host it asks', { host: 'bob.example' }],
])('what one client was told is not told to one that differs by %s', async ([, headers]) => {
  const { learn } = begin();
  expect(await learn({ headers: {} }, 'to nobody')).toBe('to nobody');
  expect(await learn(ALICE, 'to alice')).toBe('to alice');
  expect(await learn({ headers }, 'to bob')).toBe('to bob');
  expect(await learn({ headers: {} }, '')).toBe('to nobody');
});

test('clients without credentials share one, wherever they come from and whatever they trace', async () => {
  const { asked, learn } = begin();
  for (let i = 0; i < 5; i++) {
    const headers = { 'user-agent': `client ${i}`, traceparent: `00-${i}`, 'x-forwarded-for': `192.0.2.${i}` };
    expect(await learn({ headers, remoteAddress: `198.51.100.${i}` }, `${i}`)).toBe('0');
  }
  expect(asked).toHaveLength(1);
});

test('those who wait together ask once, until the last of them has left', async () => {
  const { introductions, asked } = begin();
  const leaving = [new AbortController(), new AbortController()];
  const waiting = leaving.map(({ signal }) => introductions.of(ALICE, signal).catch(() => 'left'));
  void introductions.of(BOB).catch(() => {});
  expect(asked.map(({ context }) => context)).toEqual([ALICE, BOB]);
  leaving[0]?.abort();
  expect(await waiting[0]).toBe('left');
  expect(asked[0]?.signal.aborted).toBe(false);
  leaving[1]?.abort();
  expect(await waiting[1]).toBe('left');
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  void introductions.of(ALICE).catch(() => {});
  expect(asked).toHaveLength(3);
});

test('a refusal is heard by all who wait, and by nobody after them', async () => {
  const { introductions, asked, learn } = begin();
  const waiting = [introductions.of(ALICE), introductions.of(ALICE)];
  asked[0]?.answer.reject(new Error('401'));
  for (const one of waiting) await expect(one).rejects.toThrow('401');
  expect(await learn(ALICE, 'now')).toBe('now');
});

test('one is kept for a minute, until it is forgotten, or another server may be there', async () => {
  const { introductions, asked, time, learn } = begin();
  expect(await learn(ALICE, '1')).toBe('1');
  time.now = 59_999;
  expect(await learn(ALICE, '')).toBe('1');
  time.now = 60_000;
  expect(await learn(ALICE, '2')).toBe('2');
  introductions.forget(ALICE);
  expect(await learn(ALICE, '3')).toBe('3');
  introductions.clear();
  const waiting = introductions.of(ALICE);
  introductions.clear();
  asked.at(-1)?.answer.resolve({ ...INTRODUCTION, instructions: 'of the server before' });
  await waiting;
  expect(await learn(ALICE, '4')).toBe('4');
});

test('as many are kept as the memory bounds, those used last', async () => {
  const { asked, learn } = begin();
  await learn(ALICE, 'x'.repeat(64 * 1024));
  await learn(ALICE, 'alice');
  expect(asked).toHaveLength(2);
  for (let i = 0; i < 300; i++) {
    await learn({ headers: { cookie: `${i}` } }, '');
    expect(await learn(ALICE, 'asked again')).toBe('alice');
  }
  expect(await learn({ headers: { cookie: '0' } }, 'asked again')).toBe('asked again');
});
