import { setTimeout as sleep } from 'node:timers/promises';
import { failuresText } from '../src/load/report-text.ts';
import { type Generator, generate } from './generate.ts';
import { cpuSeconds } from './peers/cpu.ts';
import type { Server } from './servers.ts';

/** What calls of a server's tool cost, from so many sessions at once. */
export interface CallCost {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of the server's CPU per call; what opening and closing the sessions took is in it. */
  readonly cpu: number;
  /** The generator's share of a core, in percent: near 100 it was the limit and not the server. */
  readonly generator: number;
  /** Calls that failed, and how; empty if none did. */
  readonly failures: string;
}

export async function measureCalls(
  generator: Generator,
  server: Server,
  sessions: number,
  seconds: number,
): Promise<CallCost> {
  const before = cpuSeconds(server.pids());
  const { perSecond, latency, generatorCpu, outcomes, ...calls } = await generate(generator, server, sessions, seconds);
  // The last sessions are closed without waiting for their processes to end.
  await sleep(200);
  const used = cpuSeconds(server.pids()) - before;
  const { p50 = Number.NaN, p99 = Number.NaN } = latency ?? {};
  return {
    perSecond,
    p50,
    p99,
    cpu: (used * 1_000_000) / (perSecond * calls.seconds),
    generator: (100 * generatorCpu) / calls.seconds,
    failures: failuresText(outcomes),
  };
}
