import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { probeAddress, UpstreamHealth } from '../../../src/sources/upstream/health.ts';

/** Health with a clock that only the test moves, and what it logged. */
function played(probe: (signal: AbortSignal) => Promise<void> = async () => {}) {
  const logged: string[] = [];
  const clock = { now: 0 };
  let reachedTimes = 0;
  const waits: number[] = [];
  const ended = new AbortController();
  const health = new UpstreamHealth({
    url: 'http://up/mcp',
    log: {
      info: (_: unknown, text: string) => logged.push(`info: ${text}`),
      warn: (_: unknown, text: string) => logged.push(`warn: ${text}`),
    } as never,
    clock: () => clock.now,
    probe,
    pause: async (milliseconds) => {
      waits.push(milliseconds);
      clock.now += milliseconds;
      if (waits.length >= 30) ended.abort();
    },
    onReachable: () => reachedTimes++,
  });
  return { health, logged, clock, waits, ended: ended.signal, reachedTimes: () => reachedTimes };
}

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

describe('it takes more than one observation to change a mind', () => {
  // Each letter is an observation, 2 s after the one before: + reached, - not reached; capitals: what is shown then.
  test.for<readonly [string, string, string]>([
    ['never reached', '---', 'NNN'],
    ['the first success is enough', '+', 'Y'],
    ['the first success after failures is enough', '----+', 'NNNNY'],
    ['two failures are nothing', '+--+--+', 'YYYYYYY'],
    ['three in a row are something', '+---', 'YYYN'],
    ['one success does not win it back', '+---+', 'YYYNN'],
    ['two in a row do', '+---++', 'YYYNNY'],
    ['two that are not in a row do not', '+---+-+', 'YYYNNNN'],
    ['and it takes three failures again', '+---++--', 'YYYNNYYY'],
    ['which then lose it again', '+---++---', 'YYYNNYYYN'],
  ])('%s', ([, observed, shown]) => {
    const { health, clock } = played();
    const seen = [...observed].map((what) => {
      clock.now += 2_000;
      if (what === '+') health.reached();
      else health.unreachable(refused);
      return health.reachable ? 'Y' : 'N';
    });
    expect(seen.join('')).toBe(shown);
  });
});

test('a thousand requests that fail at once are one failure', () => {
  const { health, clock } = played();
  health.reached();
  for (let second = 0; second < 3; second++) {
    expect(health.reachable).toBe(true);
    for (let i = 0; i < 1_000; i++) health.unreachable(refused);
    clock.now += 1_000;
  }
  expect(health.reachable).toBe(false);
});

test('every change is logged once', () => {
  const { health, clock, logged, reachedTimes } = played();
  for (const what of '+++----++++') {
    clock.now += 2_000;
    if (what === '+') health.reached();
    else health.unreachable(refused);
  }
  expect(logged).toEqual(['info: Reached upstream', 'warn: Could not reach upstream', 'info: Reached upstream']);
  expect(reachedTimes()).toBe(2);
});

test('it probes often until the first success, then every 2 s; one that never comes is worth one warning', async () => {
  let probes = 0;
  const slow = played(async () => {
    if (++probes <= 3) throw refused;
  });
  await slow.health.run(slow.ended);
  expect(slow.waits.slice(0, 5)).toEqual([250, 250, 250, 2_000, 2_000]);
  expect(slow.health.reachable).toBe(true);
  const never = played(async () => {
    throw refused;
  });
  await never.health.run(never.ended);
  expect(never.logged).toEqual(['warn: Could not reach upstream']);
  expect(never.health.reachable).toBe(false);
});

test('a probe is a connection to the address', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  await probeAddress(url, AbortSignal.timeout(1_000));
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  await expect(probeAddress(url, AbortSignal.timeout(1_000))).rejects.toThrow('ECONNREFUSED');
});
