import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * Asks `/health-check` of a server again and again until the signal, on a new socket each time, as a kubelet does; resolves
 * with the milliseconds that each took. A server that has no such path answers something else, and as late.
 */
export async function probeUntil(signal: AbortSignal, base: string): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const begun = performance.now();
    await probe(new URL('/health-check', base));
    took.push(performance.now() - begun);
    await sleep(PAUSE_MS);
  }
  return took;
}

function probe(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (answer) => answer.resume().once('end', resolve)).once('error', reject);
  });
}
