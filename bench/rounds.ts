import { spread } from './spread.ts';

/** What was seen of each thing that is measured, round by round. */
export class Rounds<T> {
  readonly #seen = new Map<string, T[]>();

  add(name: string, seen: T): void {
    this.#seen.set(name, [...this.of(name), seen]);
  }

  of(name: string): readonly T[] {
    return this.#seen.get(name) ?? [];
  }

  /** Median, least and most of a number of all rounds. */
  spread(name: string, read: (seen: T) => number, digits?: number): string {
    return spreadOf(this.of(name).map(read), digits);
  }

  /** A number of one as a multiple of another's in the same round; empty when one of them was not measured. */
  ratios(name: string, other: string, read: (seen: T) => number): number[] {
    const others = this.of(other).map(read);
    return others.length === 0 ? [] : this.of(name).map((seen, round) => read(seen) / (others[round] ?? Number.NaN));
  }
}

/** Median, least and most; a dash when nothing was measured. */
export const spreadOf = (values: readonly number[], digits?: number) =>
  values.length === 0 ? '–' : spread(values, digits);
