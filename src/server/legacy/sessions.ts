import type { IncomingMessage, ServerResponse } from 'node:http';
import { newSessionId } from '../../fleet/session-id.ts';
import type { SessionRecord, SessionSnapshot } from '../../fleet/session-snapshot.ts';
import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { EndReason } from '../../sources/define-server.ts';
import type { SourceDefinition } from '../../sources/source.ts';
import type { StreamRegistry } from '../event-stream.ts';
import type { Release } from '../gate.ts';
import type { Log } from '../log.ts';
import type { Change } from '../notifier.ts';
import type { ClosedReason, SessionMetrics } from '../session-metrics.ts';
import { startLimitOf } from '../start-limit.ts';
import type { Call } from './calls.ts';
import { EventLog } from './event-log.ts';
import { IdleSessions } from './idle-sessions.ts';
import { ParkedSession, ParkedSessions } from './parked-sessions.ts';
import type { OnEnd } from './server-object.ts';
import { Session, type SessionObserver, type SessionOptions } from './session.ts';
import { SessionChanges } from './session-changes.ts';
import { tellOfEnd } from './session-object.ts';
import type { Activity } from './session-use.ts';

/** Keeps a copy of sessions outside of the process; `undefined` where there is none. */
export interface SessionCopies {
  readonly available: boolean;
  /** Whether the newest state of a session is there. */
  has(id: string): boolean;
  changed(session: Session | ParkedSession): void;
  removed(record: SessionRecord): void;
  released(id: string): void;
}

export interface SessionsOptions {
  readonly definition: SourceDefinition;
  readonly ownerTag: string;
  /** Milliseconds. */
  readonly sessionIdleTimeout: number;
  /** Milliseconds. */
  readonly evictAfter: number;
  /** Milliseconds for a command's first answer. */
  readonly startTimeout: number;
  /** Milliseconds. */
  readonly parkAfter: number;
  readonly maxParked: number;
  readonly maxEventLog: number;
  readonly maxStreamBuffer: number;
  /** Whether requests wait for a slot. */
  readonly slotsWanted: () => boolean;
  readonly streams: StreamRegistry;
  readonly metrics: SessionMetrics;
  readonly copies?: SessionCopies | undefined;
  readonly log: Log;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
}

interface Held {
  readonly session: Session;
  release: Release;
  opening: boolean;
}

/** What comes with a session from elsewhere. */
export interface Arrival {
  /** Its slot; it is parked without one. */
  readonly release?: Release | undefined;
  /** The recent changes that it has heard of. */
  readonly heard?: readonly string[];
  /** Milliseconds for which nobody has used it. */
  readonly idleFor?: number;
}

/** A session that leaves this pod: what goes, and what happens here when it has gone. */
export interface Departing {
  readonly snapshot: SessionSnapshot;
  /** The recent changes that it has heard of. */
  readonly heard: readonly string[];
  /** Milliseconds for which nobody has used it. */
  readonly idleFor: number;
  /** Whether it holds a slot. */
  readonly active: boolean;
  /** Whether a newer copy of it has come here meanwhile, which may have ended since: this one is out of date. */
  readonly superseded: boolean;
  /** It has gone, or is superseded. */
  gone(): void;
  /** It could not go: it stays. Only while it is not superseded. */
  back(): void;
}

/** So many parked sessions more than there may be can wait for their copy to be written. */
const MOST_UNCOPIED = 1_000;

/** The sessions of this process: those that hold a slot, and those that are parked. */
export class Sessions implements SessionObserver {
  readonly #options: SessionsOptions;
  readonly #held = new Map<string, Held>();
  readonly #parked: ParkedSessions;
  /** Those that are on their way to another pod and of which no newer copy has come here. */
  readonly #departing = new Set<string>();
  /** The slots of sessions that are over and have calls that still run. */
  readonly #ending = new Map<Session, Release>();
  readonly #idle: IdleSessions;
  readonly #changes: SessionChanges;
  #opening = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#parked = new ParkedSessions(options.maxParked);
    const { log, clock } = options;
    this.#idle = new IdleSessions({ parkable: this.parkable, log, clock });
    this.#changes = new SessionChanges({ ids: () => this.#ids, find: (id) => this.#find(id), clock });
  }

  /** Sessions whose server object is being made for the first time. */
  get opening(): number {
    return this.#opening;
  }

  /** Sessions that hold a slot. */
  get size(): number {
    return this.#held.size;
  }

  get counts(): { readonly active: number; readonly dozing: number; readonly parked: number } {
    let dozing = 0;
    for (const { session } of this.#held.values()) if (session.dozing) dozing++;
    return { active: this.#held.size - dozing, dozing, parked: this.#parked.size };
  }

  get parkable(): boolean {
    return this.#options.definition.sessions === 'parkable';
  }

  /** A session that holds a slot. */
  get(id: string): Session | undefined {
    return this.#held.get(id)?.session;
  }

  getParked(id: string): ParkedSession | undefined {
    return this.#parked.get(id);
  }

  /** Whether a session is here, in whatever state. */
  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** Of a session that is here. */
  epochOf(id: string): number | undefined {
    return this.#find(id)?.record.epoch;
  }

  get parkedFull(): boolean {
    return this.#parked.full;
  }

  /** Those that hold a slot. */
  [Symbol.iterator](): Iterator<Session> {
    return [...this.#held.values()].map(({ session }) => session)[Symbol.iterator]();
  }

  get parked(): Iterable<ParkedSession> {
    return this.#parked;
  }

  /** Opens a session on a slot that is already taken; the slot goes back when the session ends. */
  open(initialize: JsonRpcRequest, release: Release, req: IncomingMessage, res: ServerResponse): void {
    const session = this.#create({
      record: {
        id: newSessionId(this.#options.ownerTag),
        epoch: 0,
        protocolVersion: '',
        announces: [],
        initialize: initialize.params ?? {},
        subject: undefined,
        logLevel: undefined,
        subscriptions: [],
        state: {},
        openedAt: Date.now(),
      },
    });
    const held = this.#hold(session, release);
    held.opening = true;
    this.#opening++;
    this.#options.metrics.sessionOpened();
    void session.open(initialize, req, res).finally(() => {
      this.#opening--;
      held.opening = false;
      if (session.ended) release();
    });
  }

  /** Brings a parked session back on a slot that is already taken. */
  wake(id: string, release: Release): Session | undefined {
    const parked = this.#parked.take(id);
    return parked && this.#wake(parked, release);
  }

  /** Takes in a session from elsewhere; one with a slot keeps it for a while for the client that comes after. */
  arrive({ record, log }: SessionSnapshot, { release, heard = [], idleFor = 0 }: Arrival = {}): void {
    this.#departing.delete(record.id);
    const usedAt = this.#options.clock() - idleFor;
    const parked = new ParkedSession(record, new EventLog(this.#options.maxEventLog, log), usedAt);
    if (release === undefined) this.#park(parked);
    else this.#idle.reserve(this.#wake(parked, release));
    this.#changes.catchUp(this.get(record.id) ?? parked, heard);
  }

  /** Takes a session out, to be served elsewhere; `undefined` when it is not here or must stay for now. */
  depart(id: string): Departing | undefined {
    const { copies, clock } = this.#options;
    const departing = this.#departing;
    this.#changes.flush(id);
    const heard = this.#changes.heard;
    const parked = this.#parked.take(id);
    if (parked !== undefined) {
      const { record } = parked;
      // Whoever gets it writes its copy from now on, with an epoch that must not be written here.
      copies?.released(id);
      departing.add(id);
      return {
        idleFor: clock() - parked.usedAt,
        snapshot: parked.snapshot(),
        heard,
        active: false,
        get superseded() {
          return !departing.has(id);
        },
        gone: () => this.#departed(record),
        back: () => {
          departing.delete(id);
          this.#park(parked);
          this.#changes.catchUp(parked, heard);
        },
      };
    }
    const held = this.#held.get(id);
    if (held === undefined || !this.#idle.mayRest(held.session)) return undefined;
    const { session } = held;
    session.rest();
    this.#held.delete(id);
    this.#idle.delete(session);
    copies?.released(id);
    departing.add(id);
    return {
      idleFor: 0,
      snapshot: session.snapshot(),
      heard,
      active: true,
      get superseded() {
        return !departing.has(id);
      },
      gone: () => {
        session.leave();
        held.release();
        this.#departed(session.record);
      },
      back: () => {
        departing.delete(id);
        this.#held.set(id, held);
        this.changed(session, session.use.activity);
        this.#changes.catchUp(session, heard);
      },
    };
  }

  /** Lets go of a copy that is out of date, without a word to anybody: the session lives on elsewhere. */
  supersede(id: string): void {
    const held = this.#held.get(id);
    const record = held?.session.record ?? this.#parked.take(id)?.record;
    if (record === undefined) return;
    this.#changes.forget(id);
    if (held !== undefined) {
      this.#held.delete(id);
      this.#idle.delete(held.session);
      held.session.supersede();
      held.release();
    }
    this.#options.copies?.released(id);
    this.#close(record, 'superseded');
  }

  /** Ends a session wherever it is; answers whether it was here. */
  end(id: string, reason: EndReason): boolean {
    // One that is drained goes on from its copy, of which this is to be a part.
    this.#changes.flush(id);
    const held = this.#held.get(id);
    held?.session.end(reason);
    const parked = held === undefined ? this.#parked.take(id) : undefined;
    if (parked !== undefined) this.#endParked(parked, reason);
    return held !== undefined || parked !== undefined;
  }

  /** Those that a copy can be kept of. */
  *storable(): Generator<Session | ParkedSession> {
    if (!this.parkable) return;
    for (const { session } of this.#held.values()) if (session.record.protocolVersion !== '') yield session;
    yield* this.#parked;
  }

  /** Ends all of them; answers how many had to be told that they are over. */
  endAll(reason: EndReason): number {
    const ids = this.#ids;
    for (const id of ids) this.end(id, reason);
    return ids.length;
  }

  /** Tells clients of a change, and leaves it in the log of those who are parked. */
  notify(change: Change): void {
    this.#changes.publish(change);
  }

  /** Whether a slot could be made free. */
  get canMakeRoom(): boolean {
    return this.#nextToPark !== undefined || this.evictable;
  }

  /**
   * Parks the longest-idle session that may be parked; answers with its slot. `returning` is the parked one that the slot
   * is for: it will not be among the parked ones, so it must not be what has to go from there.
   */
  parkOne(returning?: string): Release | undefined {
    const session = this.#nextToPark;
    return session && this.#parkHeld(session, returning);
  }

  /** Whether the longest-idle session may be closed to make room. */
  get evictable(): boolean {
    return this.#idle.quiet(this.#options.evictAfter).next().done === false;
  }

  /** Closes the longest-idle session if it may be closed; answers with its slot. */
  evict(): Release | undefined {
    const { value: longest } = this.#idle.quiet(this.#options.evictAfter).next();
    const held = longest && this.#held.get(longest.record.id);
    if (held === undefined) return undefined;
    const { release } = held;
    held.release = () => {};
    held.session.end('evicted');
    return release;
  }

  /** Parks, lets doze and closes what has been idle for long enough. To be called every second or so. */
  settle(): void {
    const { parkAfter, sessionIdleTimeout, clock } = this.#options;
    this.#changes.forgetOld();
    for (const session of this.#idle.quiet(sessionIdleTimeout)) session.end('expired');
    for (const parked of this.#parked.unusedSince(clock() - sessionIdleTimeout)) this.#endParked(parked, 'expired');
    if (this.#options.copies?.available === true) this.#dropSurplus();
    for (const session of this.#idle.restable('quiet', parkAfter)) {
      if (this.#options.maxParked === 0) session.rest();
      else this.#parkHeld(session)?.();
    }
    if (this.#options.definition.speaksUnasked === true) return;
    for (const session of this.#idle.restable('listening', parkAfter)) session.rest();
  }

  changed(session: Session, activity: Activity): void {
    // One that is on its way to another pod is neither parked nor closed here.
    if (this.#held.get(session.record.id)?.session !== session) return;
    this.#idle.set(session, activity);
    this.noted(session);
    if (activity === 'quiet' && this.#options.slotsWanted()) setImmediate(() => this.#makeRoom());
  }

  /** Something of a session is different from what a copy of it says. */
  noted(session: Session | ParkedSession): void {
    if (this.parkable && session.record.protocolVersion !== '') this.#options.copies?.changed(session);
  }

  callStarted(): void {
    this.#options.metrics.requestStarted('legacy');
  }

  callOver(session: Session, { request, startedAt }: Call): void {
    const seconds = (this.#options.clock() - startedAt) / 1_000;
    this.#options.metrics.requestOver('legacy', request.method, seconds);
    if (!session.ended) return this.noted(session);
    if (session.requestsInFlight > 0) return;
    this.#ending.get(session)?.();
    this.#ending.delete(session);
  }

  ended(session: Session, reason: EndReason): void {
    const { id } = session.record;
    this.#idle.delete(session);
    const held = this.#held.get(id);
    this.#held.delete(id);
    // What is still being made, or still runs, is still being paid for.
    if (held?.opening === false) {
      if (session.requestsInFlight === 0) held.release();
      else this.#ending.set(session, held.release);
    }
    this.#forgetCopy(session.record, reason);
    this.#close(session.record, reason);
  }

  failed(session: Session, error: unknown): void {
    this.#failed(session.record.id, error);
  }

  /** One that is here, in whatever state. */
  #find(id: string): Session | ParkedSession | undefined {
    return this.#held.get(id)?.session ?? this.#parked.get(id);
  }

  /** Of all that are here. */
  get #ids(): string[] {
    return [...this.#held.keys(), ...[...this.#parked].map(({ record }) => record.id)];
  }

  #create(from: Pick<SessionOptions, 'record' | 'log' | 'onEnd'>): Session {
    const { definition, maxEventLog, maxStreamBuffer, streams, clock, copies, fleetKey } = this.#options;
    const session = new Session({
      record: from.record,
      log: from.log,
      onEnd: from.onEnd,
      maxEventLog,
      maxStreamBuffer,
      streams,
      observer: this,
      clock,
      fleetKey,
      parkable: this.parkable,
      askLimit: this.#options.sessionIdleTimeout,
      startLimit: startLimitOf(this.#options.startTimeout),
      create: (context) => definition.create(context),
    });
    if (copies !== undefined) session.log.onAppend = () => this.noted(session);
    return session;
  }

  #hold(session: Session, release: Release): Held {
    const held: Held = { session, release, opening: false };
    this.#held.set(session.record.id, held);
    return held;
  }

  #wake(parked: ParkedSession, release: Release): Session {
    const session = this.#create(parked);
    this.#hold(session, release);
    this.changed(session, 'quiet');
    return session;
  }

  /** Parks a session that holds a slot; answers with the slot. */
  #parkHeld(session: Session, returning?: string): Release | undefined {
    const held = this.#held.get(session.record.id);
    if (held === undefined) return undefined;
    this.#held.delete(session.record.id);
    const usedAt = this.#idle.since(session) ?? this.#options.clock();
    this.#idle.delete(session);
    this.#park(new ParkedSession(session.record, session.log, usedAt, session.leave()), returning);
    return held.release;
  }

  /** Parks a session for a request that waits for a slot. */
  #makeRoom(): void {
    if (this.#options.slotsWanted()) this.parkOne()?.();
  }

  #park(parked: ParkedSession, returning?: string): void {
    this.#parked.add(parked);
    if (this.#options.copies !== undefined) parked.log.onAppend = () => this.noted(parked);
    this.noted(parked);
    this.#dropSurplus(parked, returning);
  }

  /** Lets go of the oldest parked sessions that are too many. Whoever is asked for one that has a copy takes it over. */
  #dropSurplus(arriving?: ParkedSession, returning?: string): void {
    const { copies } = this.#options;
    for (let surplus = this.#parked.surplus(returning); surplus > 0; surplus--) {
      const oldest = this.#parked.oldest(returning);
      // One that has just come is on its way to a slot, or there would be none to go for it.
      if (oldest === undefined || oldest === arriving) return;
      const { record } = oldest;
      // Its copy is to have all that it was to be told.
      this.#changes.flush(record.id);
      const copied = copies?.has(record.id) === true;
      // It goes once its copy is written.
      if (!copied && copies?.available === true && surplus <= MOST_UNCOPIED) return;
      this.#parked.take(record.id);
      if (copied) this.#left(record);
      else this.#endParked(oldest, 'evicted');
    }
  }

  #endParked({ record, onEnd }: { record: SessionRecord; onEnd: readonly OnEnd[] }, reason: EndReason): void {
    this.#forgetCopy(record, reason);
    tellOfEnd(onEnd, reason, (error) => this.#failed(record.id, error));
    this.#close(record, reason);
  }

  /** What a drain could hand to nobody goes on from its copy, which may still have to be written. */
  #forgetCopy(record: SessionRecord, reason: EndReason): void {
    if (reason !== 'drained') this.#options.copies?.removed(record);
  }

  #departed(record: SessionRecord): void {
    if (this.#departing.delete(record.id)) this.#left(record);
    // Somebody had it meanwhile. What is written of it, or was removed, is the newer one's.
    else this.#close(record, 'handed-over');
  }

  #left(record: SessionRecord): void {
    this.#options.copies?.released(record.id);
    this.#close(record, 'handed-over');
  }

  /** The longest-idle session that may be parked for another one. */
  get #nextToPark(): Session | undefined {
    return this.#options.maxParked === 0 ? undefined : this.#idle.longestRestable;
  }

  #close({ id, openedAt }: SessionRecord, reason: ClosedReason): void {
    const seconds = (Date.now() - openedAt) / 1_000;
    this.#options.metrics.sessionClosed(reason, seconds);
    this.#options.log.debug({ session: id, reason, seconds }, 'Closed session');
  }

  #failed(session: string, error: unknown): void {
    this.#options.log.error({ session, err: error }, 'Server object failed');
  }
}
