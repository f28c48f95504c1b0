import type { Move, Moves } from '../../fleet/moves.ts';
import { type Peer, PeerFailure } from '../../fleet/peer.ts';
import type { Peers } from '../../fleet/peers.ts';
import { rendezvous } from '../../fleet/rendezvous.ts';
import type { SessionSnapshot } from '../../fleet/session-snapshot.ts';
import type { Departing, Sessions } from '../legacy/sessions.ts';
import type { Log } from '../log.ts';

/** A hand-over as it goes to a peer. */
export interface HandOver {
  readonly snapshot: SessionSnapshot;
  /** The changes of the last seconds that it has heard of. */
  readonly heard: readonly string[];
  /** Milliseconds for which nobody has used it. */
  readonly idleFor: number;
  /** Whether it needs a slot. */
  readonly active: boolean;
  /** Whether it may go over the cap, since nobody has room. */
  readonly overCap: boolean;
}

/** A move as others are told of it. */
export interface ToldMove extends Move {
  readonly id: string;
}

export interface MoveOptions {
  /** Only to a pod that has a slot for it; by default when it holds one here. */
  readonly needsSlot?: boolean;
  /** Rather over a cap than not at all. */
  readonly overCap?: boolean;
}

/** A record and its event log are small; a pod that takes longer is not one to hand anything to. */
const HAND_OVER_LIMIT_MS = 2_000;
/** Moves are told in bundles of this time. */
const TELL_AFTER_MS = 20;
const TELL_LIMIT_MS = 1_000;

export interface DeparturesOptions {
  readonly sessions: Sessions;
  readonly peers: Peers;
  readonly moves: Moves;
  /** Of this pod. */
  readonly address: () => string;
  readonly log: Log;
}

/** Sessions on their way from this pod to another one. */
export class Departures {
  readonly #options: DeparturesOptions;
  readonly #underway = new Map<string, Promise<boolean>>();
  /** Moves that the other pods have not heard of yet. */
  #untold: ToldMove[] = [];
  #telling: NodeJS.Timeout | undefined;
  #handedOver = 0;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  get handedOver(): number {
    return this.#handedOver;
  }

  /** Resolves when a session has gone or has come back; `undefined` when it is not on its way. */
  underway(id: string): Promise<boolean> | undefined {
    return this.#underway.get(id);
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway.values());
  }

  /** Moves a session to another pod; resolves false when it stays. */
  move(id: string, how: MoveOptions = {}): Promise<boolean> {
    const already = this.#underway.get(id);
    if (already !== undefined) return already;
    const candidates = rendezvous(id, this.#options.peers.takingWork);
    const departing = candidates.length === 0 ? undefined : this.#options.sessions.depart(id);
    if (departing === undefined) return Promise.resolve(false);
    const moving = this.#offer(id, departing, candidates, how).finally(() => this.#underway.delete(id));
    this.#underway.set(id, moving);
    return moving;
  }

  async #offer(
    id: string,
    departing: Departing,
    candidates: readonly Peer[],
    { needsSlot = departing.active, overCap = false }: MoveOptions,
  ): Promise<boolean> {
    const { snapshot, heard, idleFor } = departing;
    const roomy = needsSlot ? candidates.filter((peer) => peer.mayHaveRoom) : candidates;
    const attempts = roomy.map((peer) => ({ peer, overCap: false }));
    const [first] = candidates;
    if (overCap && needsSlot && first !== undefined) attempts.push({ peer: first, overCap: true });
    let doubtful = false;
    for (const attempt of attempts) {
      // A new one for each, so that who took it without being able to say so is superseded by the next.
      snapshot.record.epoch++;
      const said = await this.#send(attempt.peer, {
        snapshot,
        heard,
        idleFor,
        active: needsSlot,
        overCap: attempt.overCap,
      });
      if (said === 'taken') return this.#gone(id, departing, attempt.peer);
      // Where no more can be parked there may be slots all the same.
      if (said === 'full' && needsSlot) attempt.peer.full();
      doubtful ||= said === 'silent';
    }
    snapshot.record.epoch++;
    departing.back();
    if (doubtful) this.#tell({ id, epoch: snapshot.record.epoch, address: this.#options.address() });
    return false;
  }

  async #send(peer: Peer, handOver: HandOver): Promise<'taken' | 'full' | 'refused' | 'silent'> {
    try {
      const { status } = await peer.ask('/berth/sessions', handOver, HAND_OVER_LIMIT_MS);
      if (status === 200) return 'taken';
      return status === 507 ? 'full' : 'refused';
    } catch (error) {
      const { id } = handOver.snapshot.record;
      this.#options.log.warn({ session: id, peer: peer.address, err: error }, 'Could not hand over session');
      return error instanceof PeerFailure && error.kind === 'unsent' ? 'refused' : 'silent';
    }
  }

  #gone(id: string, departing: Departing, { address }: Peer): true {
    this.#handedOver++;
    const { epoch } = departing.snapshot.record;
    this.#options.moves.set(id, { address, epoch });
    departing.gone();
    this.#tell({ id, address, epoch });
    return true;
  }

  /** Tells the others in bundles where sessions went, so that they need not search. */
  #tell(move: ToldMove): void {
    this.#untold.push(move);
    this.#telling ??= setTimeout(() => void this.tellMoves(), TELL_AFTER_MS);
  }

  /** Tells now; resolves when everyone who can be reached knows. */
  async tellMoves(): Promise<void> {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const moves = this.#untold.splice(0);
    if (moves.length === 0) return;
    const { reachable } = this.#options.peers;
    // Who does not hear of it searches.
    await Promise.all(reachable.map((peer) => peer.ask('/berth/moves', moves, TELL_LIMIT_MS).catch(() => {})));
  }
}
