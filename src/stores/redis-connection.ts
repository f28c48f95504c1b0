import type { Redis } from 'ioredis';
import { SCRIPTS } from './redis-scripts.ts';
import type { StoreAddress } from './store-url.ts';

/** Where a store says that it came and went. */
export interface StoreLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface ConnectionOptions {
  readonly address: StoreAddress;
  /** The key of the fleet's owner tags. */
  readonly tagsKey: string;
  /** The channel that changes are published on. */
  readonly channel: string;
  readonly owner: string;
  /** Milliseconds that a tag is remembered. */
  readonly keepTags: number;
  readonly log: StoreLog;
  /** It is there, for the first time, again, or emptied: everything has to be written. */
  readonly arrived: () => void;
  /** It is still there and as we left it. To be expected once a second. */
  readonly beat: () => void;
  readonly left: () => void;
  readonly message: (text: string) => void;
}

/** A store that says nothing for so long is away. */
export const SILENCE_MS = 1_000;
const BEAT_MS = 1_000;

/**
 * The connection to a Redis (6 or newer) or Valkey server: always coming back, with a beat that finds out within a
 * second or two when the server went silent or lost its data. Commands and published changes share a socket (RESP3).
 */
export class RedisConnection {
  readonly redis: Redis;
  readonly #options: ConnectionOptions;
  readonly #timer: NodeJS.Timeout;
  #state: 'new' | 'here' | 'away' | 'closed' = 'new';
  #settled = Promise.withResolvers<void>();
  /** Whether this connection, not only one before it, had an answer to its beat. */
  #greeted = false;
  #beating = false;
  #reason = 'no connection';
  /** Milliseconds by which the server's clock is ahead of ours. */
  #ahead = 0;

  constructor(Client: typeof Redis, options: ConnectionOptions) {
    this.#options = options;
    const { shown: _, ...address } = options.address;
    this.redis = new Client({
      ...address,
      protocol: 3,
      scripts: SCRIPTS,
      connectTimeout: SILENCE_MS,
      commandTimeout: SILENCE_MS,
      // Closes a socket that hangs. Later than a command gives up, since what is late may be our own event loop.
      socketTimeout: 2 * SILENCE_MS,
      disconnectTimeout: SILENCE_MS,
      retryStrategy: (attempt) => Math.min(SILENCE_MS, 25 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2),
      // What was lost on the way is written anew from memory, never by the client.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      autoResubscribe: false,
      // The beat is the check, and needs no right to call INFO and CLIENT.
      enableReadyCheck: false,
      disableClientInfo: true,
      // A server that was the primary until now: the name leads to the new one.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    });
    this.redis.on('ready', () => void this.#beat());
    this.redis.on('error', (error) => {
      // The message only: the error holds the command and its arguments, AUTH's as well.
      this.#reason = error.message;
    });
    this.redis.on('close', () => {
      this.#greeted = false;
      this.#leave(this.#reason);
    });
    this.redis.on('message', (_channel, text) => options.message(text));
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
  }

  get available(): boolean {
    return this.#state === 'here';
  }

  /** Milliseconds since 1970 by the server's clock. */
  get serverTime(): number {
    return Date.now() + this.#ahead;
  }

  /** Fulfilled when it is known for the first time whether the server is there. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#settled.resolve();
    clearInterval(this.#timer);
    this.redis.disconnect();
  }

  async #beat(): Promise<void> {
    if (this.#beating || this.redis.status !== 'ready') return;
    this.#beating = true;
    const { channel, tagsKey, owner, keepTags } = this.#options;
    try {
      if (!this.#greeted) await this.redis.subscribe(channel);
      const [known, now] = (await call(this.redis, 'berthBeat', tagsKey, owner, keepTags)) as [number, number];
      this.#ahead = now - Date.now();
      this.#arrive(known === 1);
    } catch (error) {
      // Whatever the server said, or did not say: it is of no use now, and is asked again in a second.
      this.#leave(error instanceof Error ? error.message : String(error));
    } finally {
      this.#beating = false;
    }
  }

  #arrive(known: boolean): void {
    if (this.#state === 'closed') return;
    const { address, log, arrived, beat } = this.#options;
    if (this.#state !== 'here') log.info({ store: address.shown }, 'Reached the session store');
    else if (!known) log.warn({ store: address.shown }, 'Found the session store emptied, writing all sessions again');
    // Behind a new connection there may be another server, which has an older copy.
    const same = this.#greeted && known;
    this.#greeted = true;
    this.#state = 'here';
    this.#reason = 'the connection was closed';
    this.#settled.resolve();
    if (same) beat();
    else arrived();
  }

  #leave(reason: string): void {
    if (this.#state === 'away' || this.#state === 'closed') return;
    const message = this.#state === 'new' ? 'Could not reach the session store' : 'Lost the session store';
    this.#state = 'away';
    this.#settled.resolve();
    this.#options.log.warn({ store: this.#options.address.shown, reason }, `${message}, sessions go on in memory`);
    this.#options.left();
  }
}

/** Runs one of the scripts. */
export function call(redis: Redis, script: keyof typeof SCRIPTS, ...args: (string | number)[]): Promise<unknown> {
  // The client adds a method per script while it runs, which its types cannot know.
  const scripted = redis as unknown as Record<typeof script, (...args: (string | number)[]) => Promise<unknown>>;
  return scripted[script](...args);
}
