import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';

/** Whether a message uses its session; a ping says that the client lives, not that it uses it. */
export function isUse(message: JsonRpcMessage): boolean {
  return !('method' in message && message.method === 'ping');
}

/** `busy`: a call is in flight, either way. `listening`: only streams are open. `quiet`: neither. */
export type Activity = 'busy' | 'listening' | 'quiet';

/** What keeps a session from counting as idle: streams and calls hold it, requests on their way in pin it. */
export class SessionUse {
  readonly #changed: (activity: Activity) => void;
  readonly #holds = { call: 0, stream: 0 };
  #pins = 0;

  /** `changed` is told of every change. */
  constructor(changed: (activity: Activity) => void) {
    this.#changed = changed;
  }

  get activity(): Activity {
    if (this.#holds.call > 0) return 'busy';
    return this.#holds.stream > 0 ? 'listening' : 'quiet';
  }

  hold(kind: 'call' | 'stream'): void {
    const before = this.activity;
    this.#holds[kind]++;
    if (this.activity !== before) this.#changed(this.activity);
  }

  letGo(kind: 'call' | 'stream'): void {
    const before = this.activity;
    this.#holds[kind]--;
    if (this.activity !== before) this.#changed(this.activity);
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** Pins until `unpin`; unlike a hold this is no use, so it does not start the idle time anew. */
  pin(): void {
    this.#pins++;
  }

  unpin(): void {
    this.#pins--;
  }
}
