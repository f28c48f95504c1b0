import type { Moves } from '../../fleet/moves.ts';
import type { Pace } from '../../fleet/pace.ts';
import { type Peer, PeerFailure } from '../../fleet/peer.ts';
import type { Peers } from '../../fleet/peers.ts';
import { rendezvous } from '../../fleet/rendezvous.ts';
import type { SeenTags } from '../../fleet/seen-tags.ts';
import { tagOf } from '../../fleet/session-id.ts';
import type { SessionStore } from '../../stores/session-store.ts';
import type { TakenOver, TakeOvers } from '../take-over.ts';

export interface SessionFinderOptions {
  readonly peers: Peers;
  readonly moves: Moves;
  readonly tags: SeenTags;
  readonly ownTag: () => string;
  readonly store: Pick<SessionStore, 'find'> | undefined;
  /** Whether a session is here. */
  has(id: string): boolean;
  /** Asking everybody costs everybody. */
  readonly searches: Pace;
  readonly takeOvers: TakeOvers | undefined;
}

/** What is known of a session's whereabouts while one request looks for it. */
export class Search {
  readonly id: string;
  /** Addresses of pods that said that they do not have it. */
  readonly denied = new Set<string>();
  /** Addresses of pods that said nothing. */
  readonly silent = new Set<string>();
  /** Whether everybody was asked before: once is paid for, what follows is not. */
  paid = false;
  /** Whether a pod may have ended it for this request without being able to say so. */
  mayHaveEnded = false;

  constructor(id: string) {
    this.id = id;
  }

  /** Begins anew: those who were silent may speak now, and those who did not have it may have it now. */
  again(): void {
    this.denied.clear();
    this.silent.clear();
  }

  open({ address }: Peer): boolean {
    return !this.denied.has(address) && !this.silent.has(address);
  }
}

/**
 * `here`: it is, or has just been taken over. `unknown`: for certain. `unsure`: somebody who may have it is silent.
 * `crowded`: too many others are being looked for.
 */
export type Found = Peer | 'here' | 'unknown' | 'unsure' | 'crowded';

/** A pod that does not say within this time whether it has a session counts as silent. */
const ASK_LIMIT_MS = 500;

/** Finds the pod that holds a session: by what was heard of it, by its id, by the store, or by asking around. */
export class SessionFinder {
  readonly #options: SessionFinderOptions;

  constructor(options: SessionFinderOptions) {
    this.#options = options;
  }

  /** Whether looking for it has any point, as far as its id tells. */
  mayExist(id: string): boolean {
    const { moves, tags, store, ownTag } = this.#options;
    const tag = tagOf(id);
    if (tag === undefined) return false;
    // What this pod made and has neither kept nor moved is over, unless it was left to the store.
    return moves.get(id) !== undefined || (tags.has(tag) && (tag !== ownTag() || store !== undefined));
  }

  /** Looks where it has not looked in this search yet. */
  async find(search: Search): Promise<Found> {
    const { peers, moves, store } = this.#options;
    const { id } = search;
    if (!this.mayExist(id)) return 'unknown';
    const move = moves.get(id);
    const owner = peers.byTag(tagOf(id) ?? '');
    const guess = move === undefined ? owner : peers.get(move.address);
    if (guess?.suspended === true) search.silent.add(guess.address);
    else if (guess !== undefined && search.open(guess)) return guess;
    const stored = store === undefined ? 'unknown' : await this.#findInStore(search, store);
    if (stored !== 'unknown') return stored;
    // It made the session and would know where it went, unless it is another process by now.
    if (owner !== undefined && owner.tag === tagOf(id) && search.denied.has(owner.address)) return 'unknown';
    return await this.#askAround(search);
  }

  /** Who holds it by the store; where that is nobody who lives, this pod does from now on. */
  async #findInStore(search: Search, store: Pick<SessionStore, 'find'>): Promise<Found> {
    const { peers, moves, takeOvers } = this.#options;
    const { id } = search;
    let holder: TakenOver = await store.find(id);
    // A second round when somebody else was quicker.
    for (let round = 0; round < 2; round++) {
      if (holder === 'here' || holder === 'unknown') return holder;
      if (holder === 'away') return 'unsure';
      const { owner, epoch }: Exclude<TakenOver, string> = holder;
      const peer = peers.byTag(owner);
      if (peer !== undefined && !peer.suspended && !search.denied.has(peer.address)) {
        // One failed attempt is no silence: it may serve the session while this pod takes it away.
        if (!search.open(peer)) return 'unsure';
        moves.set(id, { address: peer.address, epoch });
        return peer;
      }
      holder = (await takeOvers?.take(id, { ifOwner: owner, ifEpoch: epoch })) ?? 'unknown';
    }
    return 'unsure';
  }

  async #askAround(search: Search): Promise<Found> {
    const { peers, searches } = this.#options;
    const { id } = search;
    if (!search.paid && !(await searches.turn())) return 'crowded';
    search.paid = true;
    const { current } = peers;
    for (const peer of current) if (!peer.reachable) search.silent.add(peer.address);
    const [first, ...others] = rendezvous(
      id,
      current.filter((peer) => search.open(peer)),
    );
    const there = first === undefined ? undefined : await this.#ask(first, search);
    if (there !== undefined) return there;
    const answers = await Promise.all(others.map((peer) => this.#ask(peer, search)));
    const found = answers.find((answer) => answer !== undefined) ?? (await this.#askAgain(search));
    if (found !== undefined) return found;
    // Who has left the fleet meanwhile need not answer any more.
    return peers.current.some(({ address }) => search.silent.has(address)) ? 'unsure' : 'unknown';
  }

  /** It may have moved while everybody was asked: to one that had not got it yet, or to this pod. */
  async #askAgain(search: Search): Promise<Peer | 'here' | undefined> {
    if (this.#options.has(search.id)) return 'here';
    const move = this.#options.moves.get(search.id);
    const peer = move && this.#options.peers.get(move.address);
    return peer && search.denied.has(peer.address) ? await this.#ask(peer, search) : undefined;
  }

  /** Asks one pod; answers the pod that it names, if that has not been asked yet or is the one. */
  async #ask(peer: Peer, search: Search): Promise<Peer | undefined> {
    const { peers, moves } = this.#options;
    try {
      const { body } = await peer.ask('/berth/find', { id: search.id }, ASK_LIMIT_MS);
      const { address, epoch = 0 } = (body ?? {}) as { readonly address?: string; readonly epoch?: number };
      if (address === undefined) search.denied.add(peer.address);
      else moves.set(search.id, { address, epoch });
      const named = address === undefined ? undefined : peers.get(address);
      if (named === peer) search.denied.delete(peer.address);
      return named !== undefined && search.open(named) ? named : undefined;
    } catch (error) {
      if (!(error instanceof PeerFailure)) throw error;
      search.silent.add(peer.address);
      return undefined;
    }
  }
}
