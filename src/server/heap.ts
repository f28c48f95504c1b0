import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { oldSpaceLimit } from './memory-limit.ts';

/** How soon after a collection what is in use is what it kept. */
const FRESH_MS = 50;
/** Where memory is short V8 collects all the time; what was kept longer ago than this may be garbage by now. */
const NEWS_MS = 10_000;

/** Follows what V8 keeps: what is in use between two of its collections is mostly garbage. */
export class KeptHeap {
  readonly #limit = oldSpaceLimit();
  readonly #clock: () => number;
  #kept = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** `signal` ends it. */
  constructor(clock: () => number, signal: AbortSignal) {
    this.#clock = clock;
    const observer = new PerformanceObserver((list) => {
      const collections = list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[];
      const last = collections.findLast(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR);
      // We hear of it at the end of the task that it interrupted; what is in use by then may be garbage of after it.
      if (last === undefined || performance.now() - last.startTime - last.duration > FRESH_MS) return;
      this.#kept = getHeapStatistics().used_heap_size;
      this.#at = clock();
    });
    observer.observe({ entryTypes: ['gc'] });
    signal.addEventListener('abort', () => observer.disconnect(), { once: true });
  }

  /** What the last full collection kept, as a share of what there may be; 0 when that is no news any more. */
  get share(): number {
    return this.#clock() - this.#at > NEWS_MS ? 0 : this.#kept / this.#limit;
  }
}
