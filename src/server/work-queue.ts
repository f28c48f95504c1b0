import { setImmediate as nextTurn } from 'node:timers/promises';

/** A call of something that is admitted, or the opening of something new. */
export type Lane = 'call' | 'opening';

/** libuv accepts one connection per turn and socket; a longer slice would keep new sockets waiting. */
const CALL_SLICE_MS = 10;
/** Opening a session costs as much as many calls; a short slice keeps the calls' latency through a storm. */
const OPENING_SLICE_MS = 3;
/** Cheap requests say nothing of those behind them: so many of those are begun before it shows what they take. */
const MOST_TOGETHER = 32;
/** How many times as many are begun together next, when all that may be were begun and were cheap. */
const GROWTH = 4;

type Work = () => void;

/** Works off ready requests in short slices, calls before openings, and lets the event loop turn in between. */
export class WorkQueue {
  readonly #calls = new Line(CALL_SLICE_MS);
  readonly #openings = new Line(OPENING_SLICE_MS);
  #running = false;

  push(lane: Lane, work: Work): void {
    (lane === 'call' ? this.#calls : this.#openings).push(work);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#calls.waiting || this.#openings.waiting) {
      await this.#calls.serve('slice');
      // One opening per turn even when calls are waiting, so that nobody starves.
      await this.#openings.serve(this.#calls.waiting ? 'one' : 'slice');
      await nextTurn();
    }
    this.#running = false;
  }
}

/** Ready requests of one kind. */
class Line {
  readonly #sliceMs: number;
  readonly #works: Work[] = [];
  /**
   * How many are begun before the next look at what their handlers do: those that take the same steps at the same time take
   * a tenth less than one after the other.
   */
  #together = 1;

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  get waiting(): boolean {
    return this.#works.length > 0;
  }

  push(work: Work): void {
    this.#works.push(work);
  }

  /** Serves one, or as many as fit into a slice. */
  async serve(what: 'one' | 'slice'): Promise<void> {
    let now = performance.now();
    const end = what === 'one' ? now : now + this.#sliceMs;
    while (this.waiting) {
      const begun = this.#begin(end);
      const before = now;
      await handlersWait();
      now = performance.now();
      this.#adjust(begun, now - before);
      if (now >= end) return;
    }
  }

  /** Begins at least one, and no more once the time is over; answers how many. */
  #begin(end: number): number {
    let begun = 0;
    for (const work of this.#works) {
      attempt(work);
      begun++;
      if (begun === this.#together || performance.now() >= end) break;
    }
    this.#works.splice(0, begun);
    return begun;
  }

  #adjust(begun: number, milliseconds: number): void {
    const fitting = Math.floor((this.#sliceMs / 2 / milliseconds) * begun);
    const most = begun < this.#together ? this.#together : this.#together * GROWTH;
    this.#together = Math.max(1, Math.min(most, fitting, MOST_TOGETHER));
  }
}

function attempt(work: Work): void {
  try {
    work();
  } catch (error) {
    // Whoever pushed it has lost its chance; the queue goes on for all others.
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

/** Resolves once all handlers that go on in microtasks have ended, or wait for something else. */
function handlersWait(): Promise<void> {
  // A tick that is asked for in a microtask comes after the last of them.
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
