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
  /** Aborted when there is no time left for it: what has not gone by then stays. */
  readonly until?: AbortSignal;
}

/** `silent`: it may have taken it. `absent`: it can be asked, and has not. */
type Said = 'taken' | 'full' | 'refused' | 'silent' | 'absent';

/** A record and its event log are small; a pod that takes longer is not one to hand anything to. */
const HAND_OVER_LIMIT_MS = 2_000;
/** Whether it has taken it is known at once. */
const ASK_LIMIT_MS = 500;
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
  readonly #departing = new Map<string, Departing>();
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

  /** Of a session that is on its way: the newest that was sent. */
  epochOf(id: string): number | undefined {
    return this.#departing.get(id)?.snapshot.record.epoch;
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
    this.#departing.set(id, departing);
    const moving = this.#offer(id, departing, candidates, how).finally(() => {
      this.#departing.delete(id);
      this.#underway.delete(id);
    });
    this.#underway.set(id, moving);
    return moving;
  }

  async #offer(
    id: string,
    departing: Departing,
    candidates: readonly Peer[],
    { needsSlot = departing.active, overCap = false, until }: MoveOptions,
  ): Promise<boolean> {
    const { snapshot, heard, idleFor } = departing;
    const roomy = needsSlot ? candidates.filter((peer) => peer.mayHaveRoom) : candidates;
    const attempts = roomy.map((peer) => ({ peer, overCap: false }));
    const [first] = candidates;
    if (overCap && needsSlot && first !== undefined) attempts.push({ peer: first, overCap: true });
    const silent = new Set<Peer>();
    const late = () => until?.aborted === true;
    for (const attempt of attempts) {
      if (late()) break;
      // One that could not say whether it has it could lose what was done there since to a second attempt.
      if (!attempt.peer.takesWork || silent.has(attempt.peer)) continue;
      // A new one for each, so that who took it without being able to say so is superseded by the next.
      snapshot.record.epoch++;
      const handOver = { snapshot, heard, idleFor, active: needsSlot, overCap: attempt.overCap };
      let said = await this.#send(attempt.peer, handOver, until);
      if (said === 'silent' && !late()) said = await this.#askFor(id, attempt.peer, until);
      // A pod that took it without being able to say so may have handed it on: to this one, too.
      if (departing.superseded) {
        departing.gone();
        return false;
      }
      if (said === 'taken') return this.#gone(id, departing, attempt.peer);
      if ((this.#options.moves.get(id)?.epoch ?? -1) >= snapshot.record.epoch) return this.#gone(id, departing);
      // Where no more can be parked there may be slots all the same.
      if (said === 'full' && needsSlot) attempt.peer.full();
      if (said === 'silent') silent.add(attempt.peer);
    }
    snapshot.record.epoch++;
    departing.back();
    // With no time left it ends here; a pod that has taken it after all is to keep it.
    if (silent.size > 0 && !late()) this.#tell({ id, epoch: snapshot.record.epoch, address: this.#options.address() });
    return false;
  }

  async #send(peer: Peer, handOver: HandOver, until: AbortSignal | undefined): Promise<Said> {
    try {
      const { status } = await peer.ask('/berth/sessions', handOver, HAND_OVER_LIMIT_MS, until);
      if (status === 200) return 'taken';
      return status === 507 ? 'full' : 'refused';
    } catch (error) {
      const { id } = handOver.snapshot.record;
      this.#options.log.warn({ session: id, peer: peer.address, err: error }, 'Could not hand over session');
      return error instanceof PeerFailure && error.kind === 'unsent' ? 'refused' : 'silent';
    }
  }

  /** Asks a pod that was silent whether it has what it was offered; what it knows of a later move is noted. */
  async #askFor(id: string, peer: Peer, until: AbortSignal | undefined): Promise<Said> {
    const sent = this.epochOf(id) ?? 0;
    try {
      const { body } = await peer.ask('/berth/find', { id }, ASK_LIMIT_MS, until);
      const { address, epoch = -1 } = (body ?? {}) as { readonly address?: string; readonly epoch?: number };
      if (address === undefined || epoch < sent) return 'absent';
      this.#options.moves.set(id, { address, epoch });
      return address === peer.address && epoch === sent ? 'taken' : 'silent';
    } catch {
      // It is as silent as before.
      return 'silent';
    }
  }

  /** `to`: who took it; without one others have told where it is. */
  #gone(id: string, departing: Departing, to?: Peer): true {
    this.#handedOver++;
    const { epoch } = departing.snapshot.record;
    departing.gone();
    if (to === undefined) return true;
    const { address } = to;
    this.#options.moves.set(id, { address, epoch });
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
