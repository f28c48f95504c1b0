/** The value below which so many hundredths of the others lie. */
export function percentile(values: readonly number[], hundredths: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * hundredths) / 100))] ?? Number.NaN;
}

/** Median, least and most of several runs, as `1.20 (1.10–1.31)`. */
export function spread(values: readonly number[], digits = 2): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${percentile(values, 50).toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}
