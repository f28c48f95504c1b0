/**
 * Of the upper half of a float64, what is below the exponent and 7 bits of its fraction. That makes 128 buckets per power
 * of two: each is at most 1/128 of its values wide, so its middle is off by less than 0.4 %.
 */
const SHIFT = 13;
/** Milliseconds below which all count as the same: less than a thousandth of a microsecond. */
const LEAST = 2 ** -20;
/** Milliseconds above which all count as the same: twelve days. */
const MOST = 2 ** 30;

const float = new DataView(new ArrayBuffer(8));
const OFFSET = slotOf(LEAST);

/** The percentiles of a report, in milliseconds; `undefined` when nothing was recorded. */
export interface Latencies {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Counts times in buckets that grow with them: percentiles of any number of times within 1 %, in 40 KB. */
export class Histogram {
  readonly #counts = new Float64Array(slotOf(MOST) - OFFSET + 1);
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(milliseconds: number): void {
    const slot = slotOf(Math.min(Math.max(milliseconds, LEAST), MOST)) - OFFSET;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
    this.#count++;
    if (milliseconds < this.#min) this.#min = milliseconds;
    if (milliseconds > this.#max) this.#max = milliseconds;
  }

  /** The least time that so many hundredths of all times do not exceed (nearest rank); NaN when there are none. */
  percentile(hundredths: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil((this.#count * hundredths) / 100));
    if (rank >= this.#count) return this.#max;
    let passed = 0;
    const slot = this.#counts.findIndex((count) => {
      passed += count;
      return passed >= rank;
    });
    const middle = (startOf(slot) + startOf(slot + 1)) / 2;
    return Math.min(Math.max(middle, this.#min), this.#max);
  }

  get latencies(): Latencies | undefined {
    if (this.#count === 0) return undefined;
    const [p50, p90, p99, p999] = [50, 90, 99, 99.9].map((hundredths) => this.percentile(hundredths));
    return { p50, p90, p99, p999, max: this.#max } as Latencies;
  }
}

/** Exponent and first bits of the fraction of a positive number, which are its logarithm in steps. */
function slotOf(value: number): number {
  float.setFloat64(0, value);
  return float.getUint32(0) >>> SHIFT;
}

function startOf(slot: number): number {
  float.setUint32(0, (slot + OFFSET) << SHIFT);
  float.setUint32(4, 0);
  return float.getFloat64(0);
}
