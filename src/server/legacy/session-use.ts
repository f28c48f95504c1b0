import type { JsonRpcMessage } from '../json-rpc.ts';

/** Whether a message uses its session; a ping says that the client lives, not that it uses it. */
export function isUse(message: JsonRpcMessage): boolean {
  return !('method' in message && message.method === 'ping');
}

export interface SessionUseOptions {
  busy(): void;
  quiet(): void;
}

/** What keeps a session from counting as idle: streams and calls hold it, requests on their way in pin it. */
export class SessionUse {
  readonly #options: SessionUseOptions;
  #holds = 0;
  #pins = 0;

  constructor(options: SessionUseOptions) {
    this.#options = options;
  }

  hold(): void {
    if (this.#holds++ === 0) this.#options.busy();
  }

  letGo(): void {
    if (--this.#holds === 0) this.#options.quiet();
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** Pins until the answered function is called; unlike a hold this is no use, so it does not start the idle time anew. */
  pin(): () => void {
    this.#pins++;
    let pinned = true;
    return () => {
      if (pinned) this.#pins--;
      pinned = false;
    };
  }
}
