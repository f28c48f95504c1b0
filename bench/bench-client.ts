import type { Client, Era } from '../src/load/clients/client.ts';
import { createClient } from '../src/load/clients/create-client.ts';
import { describeOutcome } from '../src/load/outcome.ts';
import type { Fields } from '../src/load/requests.ts';

const NOBODY = { onOpen() {}, onEnd() {}, onEvent() {}, onBytes() {} };

/** A client of the load generator that has not connected yet, for one that a benchmark leads by itself. */
export const benchClient = (era: Era, url: string, headers: Fields = {}) =>
  createClient(era, { url: new URL(url), headers, connection: { timeout: 60_000 }, stream: NOBODY });

/** Makes the prepared call; resolves with its milliseconds, and throws what was no result. */
export async function timedCall(client: Client): Promise<number> {
  const begun = performance.now();
  const outcome = await client.call();
  const took = performance.now() - begun;
  if (outcome.kind !== 'result') throw new Error(`A call was answered with ${describeOutcome(outcome)}.`);
  return took;
}
