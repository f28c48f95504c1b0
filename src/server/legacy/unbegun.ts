import type { JsonRpcMessage, RequestId } from '../../protocol/json-rpc.ts';
import type { Received } from './connect-raw.ts';

/** What a lost server object leaves behind. */
export interface Leftover {
  /** For the next object, in order. */
  readonly again: readonly Received[];
  /** Whether a request is among them. */
  includes(id: RequestId): boolean;
}

/** The messages that a session's server objects had not begun when they were lost. */
export class Unbegun {
  readonly #sentAgain = new WeakSet<JsonRpcMessage>();

  /** Those that the next object gets. What it does not begin either is over: it would be sent on for ever. */
  take(notBegun: readonly Received[]): Leftover {
    const again = notBegun.filter(({ message }) => !this.#sentAgain.has(message));
    for (const { message } of again) this.#sentAgain.add(message);
    const ids = new Set(again.map(({ message }) => ('id' in message ? message.id : undefined)));
    return { again, includes: (id) => ids.has(id) };
  }
}
