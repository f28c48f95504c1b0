import type { Change } from './notifier.ts';

/** Telling thousands of sessions in one go would keep everyone's calls waiting for as long as it takes. */
const SLICE_MS = 2;

interface Round {
  readonly change: Change;
  /** The ids of those who are still to be told. */
  readonly untold: Set<string>;
}

/** Tells many sessions of changes, a few in each turn of the event loop; each session in the order of the changes. */
export class FanOut {
  readonly #tell: (id: string, change: Change) => void;
  readonly #rounds: Round[] = [];
  #running = false;

  /** `tell` passes over an id that is not here any more. */
  constructor(tell: (id: string, change: Change) => void) {
    this.#tell = tell;
  }

  /** `ids`: who wants to know, so that what waits goes by that. */
  add(change: Change, ids: readonly string[]): void {
    if (ids.length === 0) return;
    // Who will be told of the same thing anyway need not be told again.
    const waiting = this.#rounds.slice(1).find((round) => isSame(round.change, change));
    if (waiting === undefined) this.#rounds.push({ change, untold: new Set(ids) });
    else for (const id of ids) waiting.untold.add(id);
    if (!this.#running) this.#run();
  }

  /** Tells one session now what it is still to be told, since it is about to go. */
  flush(id: string): void {
    for (const { change, untold } of this.#rounds) if (untold.delete(id)) this.#attempt(id, change);
  }

  /** Tells a session nothing of what waits: whoever has it now does. */
  forget(id: string): void {
    for (const { untold } of this.#rounds) untold.delete(id);
  }

  #run(): void {
    this.#running = true;
    const end = performance.now() + SLICE_MS;
    for (let [round] = this.#rounds; round !== undefined; [round] = this.#rounds) {
      for (const id of round.untold) {
        round.untold.delete(id);
        this.#attempt(id, round.change);
        if (performance.now() >= end) return void setImmediate(() => this.#run());
      }
      this.#rounds.shift();
    }
    this.#running = false;
  }

  #attempt(id: string, change: Change): void {
    try {
      this.#tell(id, change);
    } catch (error) {
      // The others are to be told all the same.
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}

const isSame = (one: Change, other: Change) => one.method === other.method && one.uri === other.uri;
