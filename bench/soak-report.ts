import type { Churn } from './soak-churn.ts';
import { changedCounts, type Sample, type TimedSample, type Trend, trendOf } from './soak-sample.ts';
import { goalLine, table } from './table.ts';

/** What is flat: growth from the first sample after the warm-up to the last, as a share, by the line through all of them. */
const MOST_LIVE = 0.02;
const MOST_RSS = 0.05;
/** One may be under way when the sample is taken. Whatever grows with each client grows by thousands. */
const MOST_TIMERS = 1;
const MIB = 1024 * 1024;

export interface SoakSeen {
  readonly samples: readonly TimedSample[];
  /** Minutes before whose end samples do not count. */
  readonly warmUp: number;
  readonly churn: Pick<Churn, 'done' | 'unexpected'>;
  /** What the server held on to when nobody was served. */
  readonly left: readonly string[];
  /** What it said on stderr. */
  readonly log: ReadonlyMap<string, number>;
  /** Of its refusals, by reason. */
  readonly refused: Readonly<Record<string, number>> | undefined;
  readonly mostParked: number;
  readonly maxParked: number;
}

/** The report of a run, and whether every claim holds. */
export function soakReport({ samples, warmUp, churn, left, log, refused = {}, mostParked, maxParked }: SoakSeen) {
  const warm = samples.filter(({ hours }) => hours * 60 >= warmUp);
  const [first, last] = [warm[0], warm.at(-1)];
  if (warm.length < 2 || first === undefined || last === undefined) {
    throw new Error(`There are ${warm.length} samples after ${warmUp} minutes of warm-up: a trend needs two.`);
  }
  const live = trendOf(warm, (sample) => sample.live);
  const rss = trendOf(warm, (sample) => sample.rss);
  const changed = [...changedCounts(first, last)];
  const grown = changed.filter(([name, change]) => change > (name === 'timers' ? MOST_TIMERS : 0));
  const goals: readonly (readonly [boolean, string])[] = [
    [live.growth <= MOST_LIVE, `live heap grows by at most ${percent(MOST_LIVE)}; ${describe(live)}`],
    [rss.growth <= MOST_RSS, `RSS grows by at most ${percent(MOST_RSS)}; ${describe(rss)}`],
    [
      grown.length === 0,
      `no handle, listener, file or context more, and ${MOST_TIMERS} timer; ${list(changed) || 'none'}`,
    ],
    [left.length === 0, `nothing is held when nobody is served; ${left.join('; ') || 'nothing'}`],
    [churn.unexpected.size === 0, `every client gets what it is owed; ${list(churn.unexpected) || 'all did'}`],
  ];
  const text = `
${table([['minutes', 'live MiB', 'RSS MiB', ...COUNTS], ...samples.map(row)])}
Done: ${list(churn.done)}. Parked when churn paused: at most ${mostParked} of ${maxParked}.
Refused by the server: ${list(Object.entries(refused))}.
On stderr: ${list(log) || 'nothing but information'}.

Goals, from the first sample after ${warmUp} minutes to the last, by the line of least squares
${goals.map(([met, goal]) => goalLine(met, goal)).join('')}`;
  return { text, holds: goals.every(([met]) => met) };
}

/** Those that have a column; all others are named where they differ. */
const COUNTS = [
  'handles',
  'timers',
  'sockets',
  'listeners of process',
  'open files',
  'native contexts',
  'detached contexts',
];

function row(sample: TimedSample): readonly string[] {
  const memory = [sample.live, sample.rss].map((bytes) => (bytes / MIB).toFixed(2));
  return [(sample.hours * 60).toFixed(1), ...memory, ...COUNTS.map((name) => String(countOf(sample, name)))];
}

function countOf({ counts }: Sample, name: string): number {
  if (name !== 'handles') return counts[name] ?? 0;
  return Object.entries(counts).reduce((sum, [key, count]) => (key.startsWith('handles ') ? sum + count : sum), 0);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const describe = ({ growth, perHour }: Trend) =>
  `it did by ${percent(growth)}, or ${(perHour / MIB).toFixed(2)} MiB an hour`;

const list = (counts: Iterable<readonly [string, number]>) =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
