import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Call } from '../src/load/requests.ts';
import type { Connections } from '../src/server/metrics.ts';
import { callUntil, openCallers } from './callers.ts';
import { type Memory, memoryOf } from './live-memory.ts';
import { rssBytes } from './peers/cpu.ts';
import { probeUntil } from './probe.ts';
import type { ReadersWord } from './readers-clients.ts';
import { kernelBytes } from './readers-kernel.ts';
import { type ReadersServerName, startReadersServer } from './readers-servers.ts';

/** What slow readers ask for. */
export interface Scenario {
  readonly era: 'legacy' | 'modern';
  readonly call: Call;
  /** Of the longest message that it brings. */
  readonly messageBytes: number;
}

export interface RoundOptions {
  readonly server: ReadersServerName;
  readonly readers: number;
  /** How long others call without the readers, and with them. */
  readonly seconds: number;
  readonly sipMs: number;
  readonly flags: Readonly<Record<string, string>>;
}

/** What one round has seen; times in milliseconds, memory in bytes. */
export interface ReadersSeen {
  /** The calls of others: before the readers, while they come, and while they stay. */
  readonly without: readonly number[];
  readonly coming: readonly number[];
  readonly staying: readonly number[];
  /** Probes on new sockets, likewise. */
  readonly probesComing: readonly number[];
  readonly probes: readonly number[];
  readonly before: Memory;
  readonly with: Memory;
  readonly after: Memory;
  /** The largest RSS while the readers came and stayed. */
  readonly most: number;
  readonly kernel: number;
  /** Readers whose request is over though they have not read its answer. */
  readonly cut: number;
  readonly refused: number;
  /** From when the readers left until the slots of all were free; infinite when they were not in time. */
  readonly slotsBackMs: number;
}

const CALLERS = 10;
const CLIENTS = fileURLToPath(new URL('readers-clients.ts', import.meta.url));
const LOOK_MS = 50;
/** A handler may wait 10 s for a reader that could come back, and a session is parked 1 s after that. */
const SLOTS_LIMIT_MS = 30_000;
/** The readers have come when nothing moves for so long. */
const STILL_MS = 1_000;
const STILL = 1.001;
const STILL_LIMIT_MS = 120_000;

/** Starts a server, has others call, then readers come, stay and leave. */
export async function measureReaders(scenario: Scenario, options: RoundOptions): Promise<ReadersSeen> {
  const { seconds, readers, sipMs } = options;
  const server = await startReadersServer(options.server, options.flags);
  const child = fork(CLIENTS, [server.url.href]);
  try {
    const callers = await openCallers(server.url.href, CALLERS);
    await tell(child, { word: 'open', count: readers, era: scenario.era });
    // Code that runs for the first time says nothing of slow readers, nor does a session that is being parked.
    await callUntil(AbortSignal.timeout(2_000), callers, 0);
    // Probes are load as well.
    const first = AbortSignal.timeout(seconds * 1_000);
    const [without] = await Promise.all([callUntil(first, callers, 0), probeUntil(first, server.url.href)]);
    const held = await connectionsOf(server.admin);
    const before = await memoryOf(server.pid);
    await sleep(LOOK_MS);

    const over = new AbortController();
    const watching = mostRss(over.signal, server.pid);
    const came = new AbortController();
    const meanwhile = Promise.all([callUntil(came.signal, callers, 0), probeUntil(came.signal, server.url.href)]);
    await tell(child, { word: 'ask', call: scenario.call, sipMs });
    await untilStill(Number(server.url.port));
    came.abort();
    const [coming, probesComing] = await meanwhile;
    const probing = probeUntil(over.signal, server.url.href);
    const staying = await callUntil(AbortSignal.timeout(seconds * 1_000), callers, 0);
    over.abort();
    const [probes, most] = await Promise.all([probing, watching]);

    const there = await connectionsOf(server.admin);
    const kernel = kernelBytes(Number(server.url.port));
    const memory = await memoryOf(server.pid);
    await tell(child, { word: 'leave' });
    const slotsBackMs = await slotsBack(server.admin, held?.active ?? 0);
    const after = await memoryOf(server.pid);
    const refused = there === undefined ? 0 : Object.values(there.refused).reduce((sum, count) => sum + count);
    const inFlight = there?.requestsInFlight[scenario.era] ?? readers;
    return {
      ...{
        without,
        coming,
        staying,
        probesComing,
        probes,
        before,
        with: memory,
        after,
        most,
        kernel,
        refused,
        slotsBackMs,
      },
      cut: readers - refused - inFlight,
    };
  } finally {
    child.disconnect();
    await server.stop();
  }
}

async function tell(child: ChildProcess, word: ReadersWord): Promise<void> {
  child.send(word);
  await once(child, 'message');
}

async function connectionsOf(admin: string | undefined): Promise<Connections | undefined> {
  if (admin === undefined) return undefined;
  return (await (await fetch(`${admin}/connections`)).json()) as Connections;
}

/** Milliseconds until no more slots are held than before. */
async function slotsBack(admin: string | undefined, held: number): Promise<number> {
  const begun = performance.now();
  while (admin !== undefined && ((await connectionsOf(admin))?.active ?? 0) > held) {
    if (performance.now() - begun > SLOTS_LIMIT_MS) return Number.POSITIVE_INFINITY;
    await sleep(LOOK_MS);
  }
  return performance.now() - begun;
}

/** Resolves when what waits in the kernel for the readers is no longer more than it was a while ago. */
async function untilStill(port: number): Promise<void> {
  const limit = performance.now() + STILL_LIMIT_MS;
  for (let seen = -1; ; ) {
    const now = kernelBytes(port);
    // The calls of others are in there as well.
    if (now <= seen * STILL || performance.now() > limit) return;
    seen = now;
    await sleep(STILL_MS);
  }
}

async function mostRss(signal: AbortSignal, pid: number): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    most = Math.max(most, rssBytes([pid]));
    await sleep(LOOK_MS);
  }
  return most;
}
