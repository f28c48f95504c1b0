import type { LiveMemory } from './live-memory.ts';
import type { SampleSession } from './sample-session.ts';

/** What a process holds, its children included; bytes. */
export interface Holdings extends LiveMemory {
  readonly children: number;
}

export interface Measured {
  /** What one more session adds. */
  readonly each: Holdings;
  /** What they added beyond that, for all: compiled code, a process that is shared. */
  readonly shared: Holdings;
  /** How many were opened. */
  readonly sessions: number;
}

export interface MeasureOptions {
  open(): Promise<SampleSession>;
  read(): Promise<Holdings>;
  /** Whether each has a process of its own. */
  readonly processes: boolean;
  /** Bytes that all samples together should not go far beyond. */
  readonly room: number;
  /** Milliseconds that never go back. */
  clock(): number;
}

/** The sessions of each batch; the first ones make what all share, which shows in none of the last. */
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128];
/** Processes are dear to start, and what they add is not hidden by what a collection leaves or compiling adds. */
const BATCHES_OF_PROCESSES = [1, 2, 2];
/** No batch is begun after this; a server that is slow to start is measured by few. */
const LONGEST_MS = 2_000;
const AGREEMENT = 0.05;
/** Two batches that agree tell something if they are large enough for it to be no accident. */
const LEAST_BYTES = 1024 ** 2;

/** Opens sessions in growing batches until two of them agree, or time or room are used up; closes all of them. */
export async function measureSessions({ open, read, processes, room, clock }: MeasureOptions): Promise<Measured> {
  const samples: SampleSession[] = [];
  const begun = clock();
  const atRest = await read();
  let now = atRest;
  let each: Holdings = { heap: 0, external: 0, children: 0 };
  try {
    for (const size of processes ? BATCHES_OF_PROCESSES : BATCHES) {
      const tooLarge = totalOf(now) - totalOf(atRest) + size * totalOf(each) > room;
      if (samples.length > 0 && (tooLarge || clock() - begun > LONGEST_MS)) break;
      await openAll(size, open, samples);
      const [before, previous] = [now, each];
      now = await read();
      each = byKey((key) => Math.max(0, now[key] - before[key]) / size);
      if (agree(totalOf(previous), totalOf(each)) && size * totalOf(each) >= LEAST_BYTES) break;
    }
  } finally {
    await Promise.all(samples.map((sample) => sample.close()));
  }
  const sessions = samples.length;
  return { each, shared: byKey((key) => Math.max(0, now[key] - atRest[key] - sessions * each[key])), sessions };
}

/** Nothing is less than nothing: a collection may have taken away what was there before. */
function byKey(of: (key: keyof Holdings) => number): Holdings {
  return { heap: of('heap'), external: of('external'), children: of('children') };
}

/** All at once; rejects with the first failure when none is on its way any more. */
async function openAll(count: number, open: () => Promise<SampleSession>, samples: SampleSession[]): Promise<void> {
  const results = await Promise.allSettled(Array.from({ length: count }, open));
  for (const result of results) if (result.status === 'fulfilled') samples.push(result.value);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure === undefined) return;
  const { reason } = failure;
  const why = reason instanceof Error ? reason.message : String(reason);
  throw new Error(samples.length === 0 ? why : `${why} (with ${samples.length} others open)`, { cause: reason });
}

/** Whether two measurements differ by so little that they tell the same. */
export const agree = (before: number, now: number) => Math.abs(now - before) <= AGREEMENT * now;

const totalOf = ({ heap, external, children }: Holdings) => heap + external + children;
