import { z } from 'zod';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
/** Node clamps longer timers to 1 ms; 24 days are enough for any of ours. */
const LONGEST_DURATION = 2_073_600_000;

const DURATION = /^(?:\d+(?:ms|s|m|h))+$/;
const SIZE = /^(\d+)(B|KiB|MiB|GiB)?$/;

/** Milliseconds of a duration such as `250ms`, `30s` or `1h30m`; `undefined` when it is not one. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    total += Number(amount) * (DURATION_UNITS[unit as string] as number);
  }
  return total;
}

/** The shortest spelling of a duration: 90000 → `1m30s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  let rest = milliseconds;
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms']) {
    const length = DURATION_UNITS[unit] as number;
    const amount = Math.floor(rest / length);
    rest -= amount * length;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text;
}

/** Bytes of a size such as `512`, `64KiB` or `4MiB`; `undefined` when it is not one. */
export function parseSize(text: string): number | undefined {
  const [, amount, unit] = SIZE.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (SIZE_UNITS[unit ?? 'B'] as number);
}

/** The shortest exact spelling of a size: 65536 → `64KiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB']) {
    const length = SIZE_UNITS[unit] as number;
    if (bytes >= length && bytes % length === 0) return `${bytes / length}${unit}`;
  }
  return String(bytes);
}

/** A duration between two bounds, read as text and held in milliseconds. */
export function duration(shortest: string, longest?: string) {
  const least = parseDuration(shortest) ?? 0;
  const most = longest === undefined ? LONGEST_DURATION : (parseDuration(longest) ?? LONGEST_DURATION);
  return z
    .string()
    .regex(DURATION, 'must be a duration such as 500ms, 30s or 1h30m')
    .transform((text) => parseDuration(text) as number)
    .refine((value) => value >= least, `must be at least ${formatDuration(least)}`)
    .refine((value) => value <= most, `must be at most ${formatDuration(most)}`);
}

/** A size between two bounds, read as text and held in bytes. */
export function size(smallest: string, largest: string) {
  const least = parseSize(smallest) as number;
  const most = parseSize(largest) as number;
  return z
    .string()
    .regex(SIZE, 'must be a size such as 512B, 64KiB or 4MiB')
    .transform((text) => parseSize(text) as number)
    .refine((value) => value >= least, `must be at least ${formatSize(least)}`)
    .refine((value) => value <= most, `must be at most ${formatSize(most)}`);
}

/** A TCP port that can be listened on; 0 lets the system choose one. */
export const port = z.int().min(0).max(65_535);
