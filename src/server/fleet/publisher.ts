import { setTimeout as sleep } from 'node:timers/promises';
import type { Peer } from '../../fleet/peer.ts';
import type { Peers } from '../../fleet/peers.ts';
import type { Log } from '../log.ts';
import type { Change } from '../notifier.ts';

/** How long a peer may take to say that it has heard. */
const ANSWER_LIMIT_MS = 2_000;
const PAUSE_MS = 500;
/** Who can not be told for so long has gone: its sessions live on elsewhere, and begin anew if they do not. */
const PATIENCE_MS = 15_000;
/** A peer that does not answer can not make this pod keep more. */
const MOST_UNTOLD = 10_000;

interface Untold {
  readonly change: Change;
  readonly since: number;
}

export interface PublisherOptions {
  readonly peers: Peers;
  readonly log: Log;
  readonly clock: () => number;
}

/** Tells the other pods of changes: at once, and those again that were held up. One may hear of a change twice. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** By address: what a peer has not confirmed, the latest of each kind. */
  readonly #untold = new Map<string, Map<string, Untold>>();
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  publish(change: Change): void {
    const { peers, clock } = this.#options;
    const since = clock();
    for (const peer of peers.current) {
      // Who was never greeted has no sessions yet.
      if (peer.hello === undefined) continue;
      const waiting = this.#untold.get(peer.address);
      if (waiting === undefined) void this.#attempt(peer, { change, since });
      else put(waiting, { change, since });
    }
  }

  /** Gives up on those that have not heard. */
  close(): void {
    this.#closed = true;
  }

  async #attempt(peer: Peer, untold: Untold): Promise<void> {
    if (!(await hears(peer, untold.change))) this.#keep(peer.address, untold);
  }

  #keep(address: string, untold: Untold): void {
    const waiting = this.#untold.get(address);
    if (waiting !== undefined) return put(waiting, untold);
    const first = new Map<string, Untold>();
    put(first, untold);
    this.#untold.set(address, first);
    void this.#retry(address, first);
  }

  async #retry(address: string, waiting: Map<string, Untold>): Promise<void> {
    const { peers, log, clock } = this.#options;
    while (waiting.size > 0 && !this.#closed) {
      await sleep(PAUSE_MS, undefined, { ref: false });
      const late = [...waiting].filter(([, { since }]) => clock() - since > PATIENCE_MS);
      for (const [key] of late) waiting.delete(key);
      if (late.length > 0) log.warn({ address, changes: late.length }, 'Could not tell peer of changes');
      const peer = peers.get(address);
      if (peer === undefined) break;
      for (const [key, untold] of waiting) {
        if (this.#closed || !(await hears(peer, untold.change))) break;
        if (waiting.get(key) === untold) waiting.delete(key);
      }
    }
    this.#untold.delete(address);
  }
}

/** Whether a peer says that it has heard; what it says to that makes no difference. */
const hears = (peer: Peer, change: Change): Promise<boolean> =>
  peer.ask('/berth/notify', change, ANSWER_LIMIT_MS).then(
    () => true,
    () => false,
  );

/** Who is told of the latest need not be told of the same thing before it. */
function put(waiting: Map<string, Untold>, untold: Untold): void {
  const { method, uri } = untold.change;
  const key = `${method} ${uri ?? ''}`;
  waiting.delete(key);
  waiting.set(key, untold);
  const [oldest] = waiting.keys();
  if (waiting.size > MOST_UNTOLD && oldest !== undefined) waiting.delete(oldest);
}
