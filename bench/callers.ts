import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../src/load/clients/client.ts';
import { benchClient, timedCall } from './bench-client.ts';

/** Opens so many sessions that are ready to call a tool. */
export async function openCallers(url: string, count: number): Promise<readonly Client[]> {
  const callers = Array.from({ length: count }, () => benchClient('legacy', url));
  for (const caller of callers) {
    await caller.open();
    caller.prepare({ method: 'tools/call', params: { name: 'echo', arguments: { value: 'x' } } });
  }
  return callers;
}

/** Calls from all of them until the signal, each with a pause after an answer; resolves with the milliseconds of each call. */
export async function callUntil(signal: AbortSignal, callers: readonly Client[], pauseMs: number): Promise<number[]> {
  const took: number[] = [];
  const calling = callers.map(async (caller) => {
    while (!signal.aborted) {
      took.push(await timedCall(caller));
      await sleep(pauseMs);
    }
  });
  await Promise.all(calling);
  return took;
}
