import type { Ending } from '../../sources/source.ts';
import type { OpenStream } from '../event-stream.ts';
import { resultOfListen } from '../fleet/relays.ts';

/** A listener of a server elsewhere, whose answer only passes through here. */
export class PassedListen implements OpenStream {
  readonly kind = 'listen';
  readonly ending: Ending;
  readonly #end = new AbortController();

  /** `request`: the JSON text that opened it. */
  constructor(request: string) {
    this.ending = { signal: this.#end.signal, farewell: resultOfListen(request)() };
  }

  /** Does nothing: the answer passes as it is, and keeping it alive is up to its server. */
  keepAlive(): void {}

  /** Ends it with its graceful result. */
  async close(): Promise<void> {
    this.#end.abort();
  }
}
