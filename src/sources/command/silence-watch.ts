import { randomUUID } from 'node:crypto';
import type { JsonRpcResponse } from '../../protocol/json-rpc.ts';

export interface SilenceWatchOptions {
  /** Milliseconds for the first answer. */
  readonly startTimeout: number;
  /** Milliseconds of silence after that. */
  readonly silenceTimeout: number;
  readonly clock: () => number;
  /** When the child last said a message, by `clock`; `undefined` if it never has. */
  lastHeard(): number | undefined;
  /** Whether the child is the one whose turn it is. */
  owes(): boolean;
  /** Asks the child for a sign of life, which one that works on something long can still give. */
  ping(id: string): void;
  /** Told once, with what to tell the client. */
  onSilence(why: string): void;
}

/** How often it looks, in each time that it waits for. */
const LOOKS = 8;

/** Notices a child that hangs: one that owes an answer, and gives neither that nor any other sign of life. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  /** No request of a client's has an id that begins so. */
  readonly #prefix = `berth-ping:${randomUUID()}:`;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #pings = 0;
  #pinged = false;
  #answered = false;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  /** The child owes an answer from now on. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#since = this.#options.clock();
    this.#pinged = false;
    const { startTimeout, silenceTimeout } = this.#options;
    this.#timer = setInterval(() => this.#look(), Math.min(startTimeout, silenceTimeout) / LOOKS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Hears each answer of the child; whether it is one to a ping of this watch. */
  takes({ id }: JsonRpcResponse): boolean {
    this.#answered = true;
    return typeof id === 'string' && id.startsWith(this.#prefix);
  }

  #look(): void {
    const { clock, owes, ping, onSilence, startTimeout, silenceTimeout } = this.#options;
    if (!owes()) return this.stop();
    if (!this.#answered) {
      // Whatever else it says meanwhile, such as how its start goes on, is not what is waited for.
      if (clock() - this.#since < startTimeout) return;
      this.stop();
      return onSilence(`The command did not answer within ${startTimeout} ms (--start-timeout).`);
    }
    const heard = this.#options.lastHeard();
    if (heard !== undefined && heard > this.#since) {
      this.#since = heard;
      this.#pinged = false;
    }
    const silence = clock() - this.#since;
    if (silence >= silenceTimeout) {
      this.stop();
      return onSilence(`The command said nothing for ${silenceTimeout} ms, not even to a ping (--silence-timeout).`);
    }
    if (!this.#pinged && silence >= silenceTimeout / 2) {
      this.#pinged = true;
      ping(`${this.#prefix}${++this.#pings}`);
    }
  }
}
