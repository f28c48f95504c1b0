import { setTimeout as sleep } from 'node:timers/promises';

type Counts = Readonly<Record<string, number>>;

/** What an API server was asked for during a time. */
export interface Load {
  readonly seconds: number;
  /** By verb and plural: `list pods`. */
  readonly requests: Counts;
  readonly total: number;
  /** Requests that change something; renewals of the leader's Lease, and questions who may do what, are none. */
  readonly writes: number;
  /** The most within a second. */
  readonly peak: number;
}

const SAMPLE_MS = 200;
const SAMPLES_A_SECOND = 1_000 / SAMPLE_MS;
const WRITE = /^(create|update|patch|apply|delete) (?!leases|subjectaccessreviews)/;

/** Counts requests during a piece of work; `read` answers how many there were so far. */
export async function loadDuring(read: () => Promise<Counts>, work: () => Promise<unknown>): Promise<Load> {
  const before = await read();
  const begun = performance.now();
  const totals = [{ at: begun, total: totalOf(before) }];
  let over = false;
  const sampling = (async () => {
    while (!over) {
      await sleep(SAMPLE_MS);
      const total = totalOf(await read());
      totals.push({ at: performance.now(), total });
    }
  })();
  await work().finally(() => {
    over = true;
  });
  await sampling;
  const seconds = (performance.now() - begun) / 1_000;
  const after = await read();
  const requests = Object.fromEntries(
    Object.entries(after).flatMap(([what, count]) => {
      const more = count - (before[what] ?? 0);
      return more === 0 ? [] : [[what, more]];
    }),
  );
  const writes = totalOf(Object.fromEntries(Object.entries(requests).filter(([what]) => WRITE.test(what))));
  const peak = totals.slice(SAMPLES_A_SECOND).map((now, index) => {
    const earlier = totals[index] ?? now;
    return ((now.total - earlier.total) * 1_000) / (now.at - earlier.at);
  });
  return { seconds, requests, total: totalOf(requests), writes, peak: Math.max(0, ...peak) };
}

/** What it was, in a few lines. */
export function sayLoad({ seconds, requests, total, writes, peak }: Load): string {
  const rows = Object.entries(requests).sort(([, a], [, b]) => b - a);
  const listed = rows.map(([what, count]) => `${count} ${what}`).join(', ');
  const rate = (total / seconds).toFixed(1);
  return `${total} requests in ${seconds.toFixed(1)} s: ${rate}/s, at most ${peak.toFixed(0)}/s, ${writes} writes\n    ${listed}`;
}

function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
