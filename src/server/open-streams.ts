import type { OpenStream, StreamKind, StreamRegistry } from './event-stream.ts';

/** Proxies cut silent streams after 30 s and more; MCP's SDKs use the same interval. */
const KEEP_ALIVE_SECONDS = 15;

/** All open streams of the process, kept alive by one timer: a fifteenth of them each second. */
export class OpenStreams implements StreamRegistry {
  readonly #slots: Set<OpenStream>[] = Array.from({ length: KEEP_ALIVE_SECONDS }, () => new Set());
  readonly #slotOf = new Map<OpenStream, Set<OpenStream>>();
  #now = 0;

  /** `signal` ends the timer. */
  constructor(signal: AbortSignal) {
    const timer = setInterval(() => this.#tick(), 1_000).unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  add(stream: OpenStream): void {
    const slot = this.#slots[(this.#now + KEEP_ALIVE_SECONDS - 1) % KEEP_ALIVE_SECONDS] as Set<OpenStream>;
    slot.add(stream);
    this.#slotOf.set(stream, slot);
  }

  remove(stream: OpenStream): void {
    this.#slotOf.get(stream)?.delete(stream);
    this.#slotOf.delete(stream);
  }

  get size(): number {
    return this.#slotOf.size;
  }

  count(kind: StreamKind): number {
    let count = 0;
    for (const stream of this.#slotOf.keys()) if (stream.kind === kind) count++;
    return count;
  }

  [Symbol.iterator](): IterableIterator<OpenStream> {
    return this.#slotOf.keys();
  }

  #tick(): void {
    this.#now = (this.#now + 1) % KEEP_ALIVE_SECONDS;
    for (const stream of this.#slots[this.#now] ?? []) stream.keepAlive();
  }
}
