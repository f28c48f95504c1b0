import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is something, and fails with what it was waiting for after so many milliseconds. */
export async function eventually<T>(what: string, milliseconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${milliseconds} ms`);
    await sleep(200);
  }
}
