import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Flags for a Node server of which samples are to be taken. */
export const SAMPLE_FLAGS = ['--expose-gc', '--import', fileURLToPath(new URL('soak-hook.ts', import.meta.url))];

/** In Linux's abstract namespace, where nothing is left behind. */
export const soakSocketOf = (pid: number) => `\0berth-bench-soak-${pid}`;

/** What a process holds after forced collections. */
export interface Sample {
  /** Bytes that V8 uses, and those outside of its heap that it counts. */
  readonly live: number;
  /** Resident bytes. */
  readonly rss: number;
  /** Of what should be as many whenever nobody is served, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A sample of a process that was started with `SAMPLE_FLAGS`; writes a snapshot of its heap first where there is a path. */
export async function sampleProcess(pid: number, snapshot = ''): Promise<Sample> {
  const socket = connect(soakSocketOf(pid));
  socket.write(`${snapshot}\n`);
  return JSON.parse(await text(socket)) as Sample;
}

/** A sample, and when it was taken: in hours of the run. */
export interface TimedSample extends Sample {
  readonly hours: number;
}

/** The straight line through samples, by least squares. */
export interface Trend {
  readonly perHour: number;
  /** What it adds from the first sample to the last, as a share of where it begins. */
  readonly growth: number;
}

/** The trend of one number of at least two samples. */
export function trendOf(samples: readonly TimedSample[], read: (sample: Sample) => number): Trend {
  const mean = (of: (sample: TimedSample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [hour, value] = [mean(({ hours }) => hours), mean(read)];
  const spread = mean(({ hours }) => (hours - hour) ** 2);
  const perHour = mean((sample) => (sample.hours - hour) * (read(sample) - value)) / spread;
  const [first, last] = [samples[0]?.hours ?? 0, samples.at(-1)?.hours ?? 0];
  return { perHour, growth: (perHour * (last - first)) / (value + perHour * (first - hour)) };
}

/** By how much each count is larger in the last sample than in the first; only those that differ. */
export function changedCounts(first: Sample, last: Sample): ReadonlyMap<string, number> {
  const names = new Set([...Object.keys(first.counts), ...Object.keys(last.counts)]);
  const changes = [...names].map((name) => [name, (last.counts[name] ?? 0) - (first.counts[name] ?? 0)] as const);
  return new Map(changes.filter(([, change]) => change !== 0));
}
