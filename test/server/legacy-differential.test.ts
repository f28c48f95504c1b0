import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { defineServer } from '../../src/sources/define-server.ts';
import { anyScript } from './differential/any-script.ts';
import { CALL_CASES } from './differential/call-cases.ts';
import { Comparison } from './differential/compare.ts';
import { DIFFERENCES } from './differential/differences.ts';
import { END_CASES } from './differential/end-cases.ts';
import { legacyModule } from './differential/legacy-module.ts';
import { BODY_CASES, OPENING_CASES } from './differential/odd-bodies.ts';
import { HEADER_CASES, LISTEN_CASES } from './differential/odd-headers.ts';
import { QUESTION_CASES } from './differential/question-cases.ts';
import { openReference } from './differential/reference.ts';
import type { Side, Step } from './differential/script.ts';
import { STREAM_CASES } from './differential/stream-cases.ts';
import { type Settings, startLab } from './running.ts';
import { initialize, post } from './wire.ts';

// berth has a transport of its own for sessions; nobody must be able to tell, but for what DIFFERENCES says.

const comparison = new Comparison(DIFFERENCES);

/** Starts both servers with the same module. */
async function startBoth(settings: Settings = {}, sessions: 'parkable' | 'resident' = 'resident') {
  const { create, notes } = legacyModule();
  const exported = defineServer({ name: 'legacy', version: '1.0.0', sessions, create });
  // The reference's event log keeps everything.
  const [reference, lab] = await Promise.all([
    openReference(),
    startLab({ maxEventLog: '16MiB', ...settings }, exported),
  ]);
  onTestFinished(() => reference.close());
  return { reference, berth: { url: lab.url, notes } satisfies Side, lab };
}

type Both = Awaited<ReturnType<typeof startBoth>>;

async function compare(steps: readonly Step[], { reference, berth }: Both, name = ''): Promise<void> {
  const all = await comparison.of(steps, reference, berth);
  for (const { sent, berth: got, wanted } of all) {
    expect(got, `${name}: ${JSON.stringify(sent).slice(0, 1_000)}`).toEqual(wanted);
  }
}

test.for([
  ['a request with odd headers', HEADER_CASES],
  ['a stream that is asked for with odd headers', LISTEN_CASES],
  ['an odd body', BODY_CASES],
  ['what comes before there is a session', OPENING_CASES],
  ['a session of many calls', CALL_CASES],
  ['what ends before its time', END_CASES],
  ["a question of the server's", QUESTION_CASES],
  ['a stream that is left and resumed', STREAM_CASES],
] as const)('%s is answered as the SDK answers it', async ([, cases]) => {
  const both = await startBoth();
  for (const [name, steps] of Object.entries(cases)) await compare(steps, both, name);
  expect(await both.lab.counts()).toMatchObject({ active: 0, requestsInFlight: { legacy: 0 } });
});

const RECORDED = new URL('../fixtures/recorded/', import.meta.url);
const recordings = readdirSync(RECORDED).filter((name) => name.endsWith('.json'));

test.for(recordings)('what a client sent, %s, is answered as the SDK answers it', async (name) => {
  await compare(JSON.parse(readFileSync(new URL(name, RECORDED), 'utf8')) as readonly Step[], await startBoth());
});

test('a session in which anything may happen goes as with the SDK', async () => {
  const both = await startBoth();
  const same = fc.asyncProperty(anyScript, (steps) => compare(steps, both));
  // The time is for shrinking; the runs take a few seconds.
  await fc.assert(same, { seed: 20_251_125, numRuns: 120, interruptAfterTimeLimit: 25_000 });
  expect(await both.lab.counts()).toMatchObject({ active: 0, requestsInFlight: { legacy: 0 } });
});

test('a session that is parked whenever it can be goes on as with the SDK', async () => {
  const both = await startBoth({ maxConnections: '2', maxParked: '100000' }, 'parkable');
  // Two others take its slot. One slot is left while it can not be parked, so that nobody is refused.
  const another = async () => (await post(both.berth.url, initialize())).text();
  const between = async () => [await another(), await another()];
  const parked = { ...both, berth: { ...both.berth, between } };
  await compare(QUESTION_CASES['questions and their answers'] ?? [], parked);
  for (const [name, steps] of Object.entries(STREAM_CASES)) await compare(steps, parked, name);
  const same = fc.asyncProperty(anyScript, (steps) => compare(steps, parked));
  await fc.assert(same, { seed: 20_251_125, numRuns: 60, interruptAfterTimeLimit: 25_000 });
  expect(await both.lab.metric('mcp_sessions{state="parked"}')).toBeGreaterThan(100);
});

test('each difference is still there', () => {
  expect(comparison.unmet).toEqual([]);
});
