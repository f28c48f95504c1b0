import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

const FLAG = /--max[-_]old[-_]space[-_]size[= ](\d+)/;
const MEBIBYTE = 2 ** 20;
/** Where memory is short V8 collects all the time; what was kept longer ago than this may be garbage by now. */
const NEWS_MS = 10_000;

/**
 * Bytes that live objects may have at most. V8's own number has room for young objects on top, 192 MiB where the limit
 * was set by a flag, which nothing that lives on can use.
 */
export function heapLimit(): number {
  const told = FLAG.exec([...process.execArgv, process.env['NODE_OPTIONS']].join(' '))?.[1];
  return told === undefined ? getHeapStatistics().heap_size_limit : Number(told) * MEBIBYTE;
}

/** Follows what V8 keeps: what is in use between two of its collections is mostly garbage. */
export class KeptHeap {
  readonly #limit = heapLimit();
  readonly #clock: () => number;
  #kept = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** `signal` ends it. */
  constructor(clock: () => number, signal: AbortSignal) {
    this.#clock = clock;
    const observer = new PerformanceObserver((list) => {
      const collections = list.getEntries() as (PerformanceEntry & { readonly detail: { readonly kind: number } })[];
      if (!collections.some(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) return;
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
