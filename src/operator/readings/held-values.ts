import type { PodValue } from '../metrics-api/metrics-source.ts';
import type { Counted } from './readings.ts';

/** What was told last of the pods of a fleet. */
interface Told {
  readonly sum: number;
  readonly byName: ReadonlyMap<string, PodValue>;
}

/** Keeps the values that are told of a fleet's pods from falling together while that would take the wrong pods away. */
export class HeldValues {
  readonly #told = new Map<string, Told>();

  /** Forgets the fleets that are gone. */
  keepOnly(isThere: (fleet: string) => boolean): void {
    for (const fleet of this.#told.keys()) if (!isThere(fleet)) this.#told.delete(fleet);
  }

  /** The values to tell of those pods of a fleet that have answered. */
  pass(fleet: string, fresh: readonly Counted[], mayFall: () => boolean): readonly PodValue[] {
    const values = fresh.flatMap(podValue);
    if (values.length === 0) {
      this.#told.delete(fleet);
      return values;
    }
    // Autoscalers leave out the pods that go.
    const staying = fresh.filter(({ pod }) => pod.goneAt === undefined).flatMap(podValue);
    const sum = staying.reduce((total, { value }) => total + value, 0);
    const last = this.#told.get(fleet);
    if (last !== undefined && sum < last.sum && !mayFall()) {
      return values.map((value) => higher(value, last.byName.get(value.name)));
    }
    this.#told.set(fleet, { sum, byName: new Map(values.map((value) => [value.name, value])) });
    return values;
  }
}

const higher = (now: PodValue, before: PodValue | undefined) =>
  before === undefined || before.value < now.value ? now : before;

function podValue({ pod, reading }: Counted): PodValue[] {
  if (reading === undefined) return [];
  return [{ name: pod.name, value: reading.report.exported, at: reading.at, labels: pod.labels }];
}
