import { setImmediate as nextTurn } from 'node:timers/promises';

/** A call of something that is admitted, or the opening of something new. */
export type Lane = 'call' | 'opening';

/** libuv accepts one connection per turn and socket; a longer slice would keep new sockets waiting. */
const CALL_SLICE_MS = 10;
/** Opening a session costs as much as many calls; a short slice keeps the calls' latency through a storm. */
const OPENING_SLICE_MS = 3;
/** Bounds what is started together on the strength of what went before. */
const MOST_TOGETHER = 64;
/** Costly requests are expected at once, cheap ones little by little: to start too few together costs less than too many. */
const WEIGHT_OF_CHEAPER = 1 / 8;

type Work = () => void;

/** Works off ready requests in short slices, calls before openings, and lets the event loop turn in between. */
export class WorkQueue {
  readonly #calls = new Line();
  readonly #openings = new Line();
  #running = false;

  push(lane: Lane, work: Work): void {
    (lane === 'call' ? this.#calls : this.#openings).push(work);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#calls.waiting || this.#openings.waiting) {
      await this.#calls.workOff(CALL_SLICE_MS);
      // One opening per turn even when calls are waiting, so that nobody starves.
      await this.#openings.workOff(this.#calls.waiting ? 0 : OPENING_SLICE_MS);
      await nextTurn();
    }
    this.#running = false;
  }
}

/** Ready requests of one kind. */
class Line {
  #works: Work[] = [];
  /** Milliseconds that one takes, with all that its handler does until it waits for something: what the last ones took. */
  #each = CALL_SLICE_MS;

  get waiting(): boolean {
    return this.#works.length > 0;
  }

  push(work: Work): void {
    this.#works.push(work);
  }

  /** Serves at least one, then more until the time is over. */
  async workOff(milliseconds: number): Promise<void> {
    if (!this.waiting) return;
    const end = performance.now() + milliseconds;
    do {
      const begun = performance.now();
      const together = this.#works.splice(0, this.#fitting(end - begun));
      for (const work of together) attempt(work);
      await handlersWait();
      this.#learn((performance.now() - begun) / together.length);
    } while (this.waiting && performance.now() < end);
  }

  /** How many are likely to fit; together they take a tenth less, since their handlers do the same steps at the same time. */
  #fitting(milliseconds: number): number {
    return Math.max(1, Math.min(MOST_TOGETHER, Math.floor(milliseconds / this.#each)));
  }

  #learn(each: number): void {
    this.#each = Math.max(each, this.#each + (each - this.#each) * WEIGHT_OF_CHEAPER);
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
