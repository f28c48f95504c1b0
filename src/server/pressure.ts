import { KeptHeap } from './heap.ts';
import type { Log } from './log.ts';

/** What a process has too little of for new work. */
export type Shortage = (typeof SHORTAGES)[number];

export const SHORTAGES = ['time', 'memory'] as const;

export interface PressureOptions {
  /** Milliseconds that ready calls may wait. */
  readonly maxCallDelay: number;
  /** Lines up behind the calls that are ready, and calls back when it is their turn. */
  readonly lineUp: (turn: () => void) => void;
  readonly log: Log;
  readonly clock: () => number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

const LOOK_MS = 100;
/** One pause counts as no longer than this, however long it was: alone it says nothing of those that follow. */
const LONGEST_STEP_MS = 500;
/** How far back the mean delay reaches. */
const MEAN_OVER_MS = 2_000;
/** V8 ends the process when it can not get below 0.8. */
const HEAP_SHARE: Bounds = { above: 0.7, below: 0.6 };

/** Above which there is a shortage, and below which it is over. */
interface Bounds {
  readonly above: number;
  readonly below: number;
}

/**
 * Whether those who are in suffer already, so that new work is better done elsewhere: how long a call that is ready waits
 * for its turn, and how much V8's collections keep.
 */
export class Pressure {
  readonly #options: PressureOptions;
  readonly #heap: KeptHeap;
  readonly #delays: Bounds;
  readonly #short: Record<Shortage, boolean> = { time: false, memory: false };
  #delay = 0;
  #inLine = false;
  #lookedAt: number;
  #turnedAt: number;

  constructor(options: PressureOptions) {
    this.#options = options;
    this.#delays = { above: options.maxCallDelay, below: options.maxCallDelay / 2 };
    this.#heap = new KeptHeap(options.clock, options.signal);
    this.#lookedAt = this.#turnedAt = options.clock();
  }

  /** Begins to watch: what held the process up before it served is nobody's delay. */
  watch(): void {
    this.#lookedAt = this.#turnedAt = this.#options.clock();
    const timer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#options.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** Milliseconds that a ready call waits for its turn, as a mean over some seconds. */
  get delay(): number {
    return this.#delay;
  }

  /** What there is too little of. */
  get short(): Readonly<Record<Shortage, boolean>> {
    return this.#short;
  }

  /** Whether new work is refused now. */
  get high(): boolean {
    return this.#short.time || this.#short.memory;
  }

  #look(): void {
    this.#judge('memory', this.#heap.share, HEAP_SHARE);
    const now = this.#options.clock();
    // A timer that is late has waited for its turn as well.
    const due = Math.min(now, this.#lookedAt + LOOK_MS);
    this.#lookedAt = now;
    if (this.#inLine) return;
    this.#inLine = true;
    this.#options.lineUp(() => this.#turn(due));
  }

  #turn(due: number): void {
    this.#inLine = false;
    const now = this.#options.clock();
    const step = Math.min(now - this.#turnedAt, LONGEST_STEP_MS);
    this.#turnedAt = now;
    const delay = Math.min(now - due, 2 * this.#delays.above);
    this.#delay += (delay - this.#delay) * (1 - Math.exp(-step / MEAN_OVER_MS));
    this.#judge('time', this.#delay, this.#delays);
  }

  #judge(what: Shortage, value: number, { above, below }: Bounds): void {
    const short = value > (this.#short[what] ? below : above);
    if (short === this.#short[what]) return;
    this.#short[what] = short;
    const seen = { callDelayMs: Math.round(this.#delay), heapShare: Number(this.#heap.share.toFixed(2)) };
    if (short) this.#options.log.warn(seen, `Short of ${what}: new clients are refused, those who are in are served`);
    else this.#options.log.info(seen, `No longer short of ${what}`);
  }
}
