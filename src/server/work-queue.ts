import { setImmediate as nextTurn } from 'node:timers/promises';

/** A call of something that is admitted, or the opening of something new. */
export type Lane = 'call' | 'opening';

/** libuv accepts one connection per turn and socket; a longer slice would keep new sockets waiting. */
const CALL_SLICE_MS = 10;
/** Opening a session costs as much as many calls; a short slice keeps the calls' latency through a storm. */
const OPENING_SLICE_MS = 3;

/** Works off ready requests in short slices, calls before openings, and lets the event loop turn in between. */
export class WorkQueue {
  #calls: (() => void)[] = [];
  #openings: (() => void)[] = [];
  #running = false;

  push(lane: Lane, work: () => void): void {
    (lane === 'call' ? this.#calls : this.#openings).push(work);
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#calls.length > 0 || this.#openings.length > 0) {
      const calls = this.#calls;
      this.#calls = [];
      const left = await workOff(calls, CALL_SLICE_MS);
      if (left > 0) this.#calls = calls.slice(-left).concat(this.#calls);
      // One opening per turn even when calls are waiting, so that nobody starves.
      const openings = this.#openings;
      this.#openings = [];
      const unopened = await workOff(openings, left > 0 ? 0 : OPENING_SLICE_MS);
      if (unopened > 0) this.#openings = openings.slice(-unopened).concat(this.#openings);
      await nextTurn();
    }
    this.#running = false;
  }
}

/** Runs at least one piece, then more until the time is over; answers how many are left. */
async function workOff(pieces: readonly (() => void)[], milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  for (const [index, work] of pieces.entries()) {
    try {
      work();
    } catch (error) {
      // Whoever pushed it has lost its chance; the queue goes on for all others.
      process.emitWarning(error instanceof Error ? error : String(error));
    }
    // The handlers that this started go on in microtasks: let them, so that their time is counted too.
    await null;
    if (performance.now() >= end) return pieces.length - index - 1;
  }
  return 0;
}
