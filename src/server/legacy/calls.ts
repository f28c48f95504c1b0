import type { JsonRpcRequest, RequestId } from '../../protocol/json-rpc.ts';
import type { HandlerObserver } from '../watch-handlers.ts';
import type { Exchange } from './exchange.ts';

/** Where a call's answer goes; told when nobody waits for it any more. */
export interface Answering {
  cancel(id: RequestId): void;
}

/** One request of the client, until it is answered, or cancelled and its handler has settled. */
export interface Call<A extends Answering = Exchange> {
  readonly request: JsonRpcRequest;
  readonly exchange: A;
  readonly startedAt: number;
  /** Its handler runs. */
  running: boolean;
  /** Nobody waits for an answer any more. */
  dropped: boolean;
  /** Its answer is on its way to a reader who is slow to take it. */
  answered: boolean;
}

/** The requests in flight of one session. */
export class Calls<A extends Answering = Exchange> implements HandlerObserver {
  readonly #calls = new Map<RequestId, Call<A>>();
  readonly #over: (call: Call<A>) => void;

  /** `over` is told once for each call. */
  constructor(over: (call: Call<A>) => void) {
    this.#over = over;
  }

  get size(): number {
    return this.#calls.size;
  }

  get(id: RequestId): Call<A> | undefined {
    return this.#calls.get(id);
  }

  [Symbol.iterator](): Iterator<Call<A>> {
    return [...this.#calls.values()][Symbol.iterator]();
  }

  add(request: JsonRpcRequest, exchange: A, startedAt: number): void {
    this.#calls.set(request.id, { request, exchange, startedAt, running: false, dropped: false, answered: false });
  }

  started(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call !== undefined) call.running = true;
  }

  settled(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    call.running = false;
    if (call.dropped) this.#end(call);
  }

  /** The answer is on its way. */
  answered(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call !== undefined) this.#end(call);
  }

  /** Nobody waits for the answer; the call counts until its handler settles, or it is certain that none starts. */
  drop(id: RequestId): void {
    const call = this.#calls.get(id);
    if (call === undefined || call.answered) return;
    call.dropped = true;
    call.exchange.cancel(id);
    // The SDKs start a handler a few microtasks after its request came.
    setImmediate(() => !call.running && this.#end(call));
  }

  dropAll(): void {
    for (const id of [...this.#calls.keys()]) this.drop(id);
  }

  #end(call: Call<A>): void {
    const { id } = call.request;
    if (this.#calls.get(id) === call && this.#calls.delete(id)) this.#over(call);
  }
}
