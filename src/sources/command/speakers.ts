/** A program may log about a call that is over, since many do not wait for a line to be written. */
const AFTER_ANSWER_MS = 250;
/** A program is not bound to end a call that was cancelled, and may never say that it has. */
const AFTER_CANCEL_MS = 60_000;

/** What a shared child says of itself is somebody's only as long as it can be about nobody else's call. */
export class Speakers<T> {
  /** The clients whose calls it may speak about, each as often as it has calls. */
  readonly #calls = new Map<Call<T>, NodeJS.Timeout | undefined>();

  /** Whoever it is that all calls are of. */
  get only(): T | undefined {
    const [first, ...others] = new Set([...this.#calls.keys()].map(({ client }) => client));
    return others.length === 0 ? first : undefined;
  }

  /** A call of this client begins. */
  begin(client: T): Call<T> {
    const call: Call<T> = {
      client,
      answered: () => this.#forgetIn(AFTER_ANSWER_MS, call),
      cancelled: () => this.#forgetIn(AFTER_CANCEL_MS, call),
    };
    this.#calls.set(call, undefined);
    return call;
  }

  /** Forgets all of them: whoever spoke is gone. */
  clear(): void {
    for (const timer of this.#calls.values()) clearTimeout(timer);
    this.#calls.clear();
  }

  #forgetIn(milliseconds: number, call: Call<T>): void {
    if (!this.#calls.has(call)) return;
    clearTimeout(this.#calls.get(call));
    this.#calls.set(call, setTimeout(() => this.#calls.delete(call), milliseconds).unref());
  }
}

/** A call that a child may speak about, even for a while after its end. */
export interface Call<T> {
  readonly client: T;
  answered(): void;
  cancelled(): void;
}
