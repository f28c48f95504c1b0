import type { Peer } from '../../fleet/peer.ts';
import type { Peers } from '../../fleet/peers.ts';
import type { Log } from '../log.ts';
import type { Change } from '../notifier.ts';

/** How long a peer may take to say that it has heard. */
const ANSWER_LIMIT_MS = 2_000;
const PAUSE_MS = 500;
/** A peer that does not answer for so long has most likely ended; sessions that were handed on hear of it elsewhere. */
const PATIENCE_MS = 10_000;
/** How many changes one peer may be told of at once. */
const AT_ONCE = 16;
/** How many may wait for one peer. */
const MOST_WAITING = 10_000;

interface Untold {
  readonly change: Change;
  readonly since: number;
}

/** What one peer is still to hear, by kind and resource. */
interface Outbox {
  /** The latest of each. */
  readonly waiting: Map<string, Untold>;
  readonly underway: Set<string>;
  /** It has not answered just now. */
  heldUp: boolean;
  /** Whether the log says that something was given up, since it answered last. */
  reported: boolean;
}

export interface PublisherOptions {
  readonly peers: Pick<Peers, 'current' | 'get'>;
  readonly log: Log;
  readonly clock: () => number;
}

/**
 * Tells the other pods of changes, at once if they listen. One that is held up is told later, of what was published
 * again and again only of the last; one whose answer is lost may hear of a change twice.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  /** By address, of those that have not heard of everything. */
  readonly #outboxes = new Map<string, Outbox>();
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  publish(change: Change): void {
    const { peers, clock } = this.#options;
    for (const { address } of peers.current) {
      const outbox = this.#outboxOf(address);
      const key = keyOf(change);
      // What comes last is told last.
      outbox.waiting.delete(key);
      outbox.waiting.set(key, { change, since: clock() });
      const [oldest] = outbox.waiting.keys();
      if (outbox.waiting.size > MOST_WAITING && oldest !== undefined) {
        outbox.waiting.delete(oldest);
        this.#report(address, outbox);
      }
      this.#send(address, outbox);
    }
  }

  /** Tells nobody any more. */
  close(): void {
    this.#closed = true;
  }

  #outboxOf(address: string): Outbox {
    const known = this.#outboxes.get(address);
    if (known !== undefined) return known;
    const outbox = { waiting: new Map(), underway: new Set<string>(), heldUp: false, reported: false };
    this.#outboxes.set(address, outbox);
    return outbox;
  }

  #send(address: string, outbox: Outbox): void {
    const { waiting, underway } = outbox;
    const peer = this.#options.peers.get(address);
    if (waiting.size === 0 && underway.size === 0) this.#outboxes.delete(address);
    if (this.#closed || peer === undefined) return void this.#outboxes.delete(address);
    for (const [key, untold] of waiting) {
      if (outbox.heldUp || underway.size >= AT_ONCE) return;
      // One after the other, so that the last of them is told last.
      if (underway.has(key)) continue;
      waiting.delete(key);
      underway.add(key);
      void this.#attempt(peer, outbox, key, untold);
    }
  }

  async #attempt(peer: Peer, outbox: Outbox, key: string, untold: Untold): Promise<void> {
    const told = await hears(peer, untold.change);
    outbox.underway.delete(key);
    if (told) outbox.reported = false;
    else this.#keep(peer, outbox, key, untold);
    this.#send(peer.address, outbox);
  }

  #keep({ address, hello }: Peer, outbox: Outbox, key: string, untold: Untold): void {
    if (this.#options.clock() - untold.since <= PATIENCE_MS) {
      if (!outbox.waiting.has(key)) outbox.waiting.set(key, untold);
    } else if (hello !== undefined) this.#report(address, outbox);
    if (outbox.heldUp) return;
    outbox.heldUp = true;
    const goOn = () => {
      outbox.heldUp = false;
      this.#send(address, outbox);
    };
    setTimeout(goOn, PAUSE_MS).unref();
  }

  #report(address: string, outbox: Outbox): void {
    if (outbox.reported) return;
    outbox.reported = true;
    this.#options.log.warn({ address }, 'Could not tell peer of changes');
  }
}

const keyOf = ({ method, uri = '' }: Change) => `${method} ${uri}`;

/** Whether a peer has answered; one that can make nothing of a change answers that the next time too. */
const hears = (peer: Peer, change: Change): Promise<boolean> =>
  peer.ask('/berth/notify', change, ANSWER_LIMIT_MS).then(
    () => true,
    () => false,
  );
