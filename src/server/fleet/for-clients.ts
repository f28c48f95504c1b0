import { setTimeout as sleep } from 'node:timers/promises';
import type { Moves } from '../../fleet/moves.ts';
import { type Peer, PeerFailure } from '../../fleet/peer.ts';
import type { Peers } from '../../fleet/peers.ts';
import { ErrorCode } from '../../protocol/json-rpc.ts';
import { answerEmpty, answerError, answerSessionNotFound } from '../answers.ts';
import { opensListener } from '../classify.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Sessions } from '../legacy/sessions.ts';
import type { Log } from '../log.ts';
import type { ForwardResult } from '../metrics.ts';
import type { Refuse } from '../refusals.ts';
import type { Departures } from './departures.ts';
import { type PeerAnswer, readPeerAnswer, sessionOf } from './peer-answer.ts';
import { askBack, passedRequestHeaders, type Relays, resultOfListen } from './relays.ts';
import { Search, type SessionFinder } from './session-finder.ts';

export interface ForClientsOptions {
  readonly sessions: Pick<Sessions, 'has'>;
  readonly peers: Peers;
  readonly moves: Moves;
  readonly departures: Departures;
  readonly finder: SessionFinder;
  readonly relays: Relays;
  readonly refuse: Refuse;
  readonly metrics: { forwarded(result: ForwardResult): void };
  readonly log: Log;
  readonly clock: () => number;
}

/** How passing a request on went. */
type Passed = { readonly kind: 'answered' } | { readonly kind: 'unsent' } | { readonly kind: 'lost' } | PeerAnswer;

/** What became of a request for a session that is not here. */
type Reached = 'answered' | 'here' | 'unknown' | 'full' | 'lost' | 'unsure';

/** How often a peer is offered the same work: one that was too busy to hear of it may have room. */
const MOST_OFFERS = 2;
/** A session that moves more often than this while a request is after it can not be caught. */
const MOST_ATTEMPTS = 8;
/** How long to hope that a silent pod speaks again, or that its session turns up: a client takes a refusal for a failure. */
const HOPE_MS = 2_000;
/** As for other things that are said once. */
const SEND_AWAY_LIMIT_MS = 2_000;
/** The first pause; each is twice the one before. */
const LOOK_AGAIN_MS = 200;

/** For requests of clients: what this pod can not do is passed on to the pod that can. */
export class ForClients implements Elsewhere {
  readonly #options: ForClientsOptions;
  readonly final = true;

  constructor(options: ForClientsOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#options.peers.withRoom.length > 0;
  }

  mayKnow(id: string): boolean {
    return this.#options.departures.underway(id) !== undefined || this.#options.finder.mayExist(id);
  }

  async offer(work: Work): Promise<boolean> {
    const { peers, refuse, clock } = this.#options;
    const hopeless = clock() + HOPE_MS;
    const attempts = new Map<Peer, number>();
    const attemptsAt = (peer: Peer) => attempts.get(peer) ?? 0;
    const mayOffer = (peer: Peer) => attemptsAt(peer) < (clock() < hopeless ? MOST_OFFERS : 1);
    for (;;) {
      // Looked up anew each time: others may have been told meanwhile that one is full, or that one has begun to serve.
      const candidates = shuffled(peers.withRoom).filter(mayOffer);
      const [peer] = candidates.sort((a, b) => attemptsAt(a) - attemptsAt(b));
      if (peer === undefined) return false;
      attempts.set(peer, attemptsAt(peer) + 1);
      const passed = await this.#pass(peer, work);
      const { kind } = passed;
      if (kind === 'answered') return true;
      if (kind !== 'unsent') attempts.set(peer, MOST_OFFERS);
      if (passed.kind === 'full') peer.full(passed.busy);
      // A client that has gone needs no answer.
      if (work.res.destroyed) return true;
      // What only opens a stream has begun nothing: another may open it.
      if (kind === 'lost' && work.req.method !== 'GET') {
        refuse(work.res, 'unreachable');
        return true;
      }
    }
  }

  serve(id: string, work: Work, again: () => void): void {
    this.#serve(id, work, again).catch((error: unknown) => {
      this.#options.log.error({ session: id, err: error }, 'Could not pass on request');
      answerError(work.res, 500, { code: ErrorCode.internal, message: 'Internal error' });
    });
  }

  moveAway(id: string): Promise<boolean> {
    return this.#options.departures.move(id, { needsSlot: true });
  }

  async #serve(id: string, work: Work, again: () => void): Promise<void> {
    const { refuse, clock } = this.#options;
    const hopeless = clock() + HOPE_MS;
    const search = new Search(id);
    for (let pause = LOOK_AGAIN_MS; ; pause *= 2) {
      const reached = await this.#reach(search, work);
      if (reached === 'answered' || work.res.destroyed) return;
      if (reached === 'here') return again();
      // It was the answer to the first DELETE that was lost.
      if (reached === 'unknown' && search.mayHaveEnded) return answerEmpty(work.res, 200);
      if (reached === 'unknown') return answerSessionNotFound(work.res);
      if (reached === 'full') return refuse(work.res, 'returning');
      if (reached === 'lost' || clock() >= hopeless) return refuse(work.res, 'unreachable');
      await sleep(pause);
      search.again();
    }
  }

  /** Follows a session from pod to pod. `lost`: nothing more may be done for this request. `unsure`: not now. */
  async #reach(search: Search, { req, ...work }: Work): Promise<Reached> {
    const { sessions, moves, departures, finder } = this.#options;
    const { id } = search;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      await departures.underway(id);
      if (sessions.has(id)) return 'here';
      const found = await finder.find(search);
      if (work.res.destroyed) return 'answered';
      if (found === 'crowded') return 'lost';
      if (typeof found === 'string') return found;
      const passed = await this.#pass(found, { req, ...work });
      if (passed.kind === 'answered' || passed.kind === 'full') return passed.kind;
      // A call that may have been begun is not begun a second time; what only looks may look again.
      if (passed.kind === 'lost' && req.method === 'POST') return 'lost';
      if (passed.kind === 'lost' && req.method === 'DELETE') search.mayHaveEnded = true;
      if (passed.kind === 'moved' && moves.set(id, passed)) continue;
      // A pod that tells of a move which is no news does not have it, and was not told of its end.
      if (passed.kind === 'unsent' || passed.kind === 'lost') search.silent.add(found.address);
      else search.denied.add(found.address);
    }
    return 'unsure';
  }

  async #pass(peer: Peer, work: Work): Promise<Passed> {
    const passed = await this.#send(peer, work);
    this.#options.metrics.forwarded(passed.kind);
    return passed;
  }

  async #send(peer: Peer, { req, res, body, path = '/mcp' }: Work): Promise<Passed> {
    const gone = new AbortController();
    // One that was answered to its end has left nothing to call off.
    const leave = () => !res.writableFinished && gone.abort();
    res.once('close', leave);
    // A listener ends when its stream is closed; it is no call that somebody waits for.
    const listens = opensListener(req);
    const callOver = req.method === 'POST' && !listens ? this.#options.relays.countCall() : () => {};
    try {
      const answer = await peer.send({
        method: req.method ?? 'GET',
        path,
        headers: {
          ...passedRequestHeaders(req.headers),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        },
        body,
        signal: gone.signal,
      });
      const said = readPeerAnswer(answer);
      if (said === undefined) {
        const farewell = listens ? resultOfListen(body) : req.method === 'GET' ? askBack : undefined;
        const session = sessionOf(answer);
        // Who does not hear of it has its streams closed all the same, a little later.
        const release =
          session === undefined
            ? undefined
            : () => void peer.ask('/berth/send-away', { id: session }, SEND_AWAY_LIMIT_MS).catch(() => {});
        await this.#options.relays.pass(answer, res, farewell, release);
        return { kind: 'answered' };
      }
      answer.resume();
      return said;
    } catch (error) {
      // A client that has gone needs no answer.
      if (gone.signal.aborted) return { kind: 'answered' };
      if (error instanceof PeerFailure) return { kind: error.kind };
      this.#options.log.error({ peer: peer.address, err: error }, 'Could not pass on request');
      return { kind: 'lost' };
    } finally {
      res.off('close', leave);
      callOver();
    }
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
