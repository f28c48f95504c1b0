import { expect, test } from 'vitest';
import { type CallCost, measureCalls } from '../../bench/call-cost.ts';
import { generate } from '../../bench/generate.ts';
import { measureIdleSessions } from '../../bench/idle-cost.ts';
import { Rounds } from '../../bench/rounds.ts';
import { type Server, type ServerName, startServer } from '../../bench/servers.ts';

// Whether berth is still as far ahead as it was. Each bound is a ratio within one run, a third looser than what was seen on a
// quiet machine (bench/README.md), since this one may do other work as well; memory does not depend on that.

const SESSIONS = 50;
/** Short turns, one server after the other: what else the machine does then meets all of them alike. */
const SECONDS = 2;
const ROUNDS = 4;
const IDLE = 1_000;

/** Says what was seen, whether or not it passes. */
function seen(what: string, ratio: number): number {
  process.stdout.write(`${what}: ${ratio.toFixed(2)}\n`);
  return ratio;
}

test('a call costs no more of what others take for it than it did', { timeout: 240_000 }, async () => {
  const names = ['berth', 'thirty-lines', 'sdk-v1', 'berth-modern', 'berth-reusable', 'sdk-v2-modern'] as const;
  const costs = new Rounds<CallCost>();
  // What the machine does besides must not keep anybody out.
  const flags = ['--max-call-delay', '1h'];
  const servers: Server[] = [];
  try {
    for (const name of names) servers.push(await startServer(name, { flags }));
    for (const server of servers) await generate('lean', server, SESSIONS, 2);
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) costs.add(server.name, await measureCalls('lean', server, SESSIONS, SECONDS));
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  for (const name of names) {
    const wrong = costs.of(name).filter(({ failures, perSecond }) => failures !== '' || !(perSecond > 0));
    expect.soft(wrong, name).toEqual([]);
  }
  // Of each its best turn: what else the machine does makes a turn worse, never better.
  const least = (name: ServerName) => Math.min(...costs.of(name).map((cost) => cost.cpu));
  const most = (name: ServerName) => Math.max(...costs.of(name).map(({ perSecond }) => perSecond));
  const cpu = (name: ServerName, other: ServerName) =>
    seen(`CPU per call, ${name} ÷ ${other}`, least(name) / least(other));
  const rate = (name: ServerName, other: ServerName) =>
    seen(`calls a second, ${name} ÷ ${other}`, most(name) / most(other));
  expect.soft(cpu('berth', 'thirty-lines')).toBeLessThan(1);
  expect.soft(cpu('berth', 'sdk-v1')).toBeLessThan(0.35);
  expect.soft(rate('berth', 'sdk-v1')).toBeGreaterThan(2.7);
  expect.soft(cpu('berth-modern', 'sdk-v2-modern')).toBeLessThan(0.6);
  expect.soft(rate('berth-modern', 'sdk-v2-modern')).toBeGreaterThan(2);
  expect.soft(rate('berth-reusable', 'sdk-v2-modern')).toBeGreaterThan(6);
});

test('an idle session holds no more of what a bare stream does than it did', { timeout: 240_000 }, async () => {
  const rows = [
    ['bare', 5],
    ['berth', 5],
    ['berth', 50],
  ] as const;
  const live = new Map<string, number>();
  for (const [name, tools] of rows) {
    const [memory] = await measureIdleSessions(name, tools, [IDLE]);
    live.set(`${name} ${tools}`, memory?.live ?? Number.NaN);
  }
  for (const tools of [5, 50]) {
    const ratio = (live.get(`berth ${tools}`) ?? Number.NaN) / (live.get('bare 5') ?? Number.NaN);
    expect.soft(seen(`live heap of an idle session, berth with ${tools} tools ÷ bare`, ratio)).toBeLessThan(2);
  }
});
