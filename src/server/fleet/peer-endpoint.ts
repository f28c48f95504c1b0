import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hello } from '../../fleet/hello.ts';
import type { Moves } from '../../fleet/moves.ts';
import type { Peers } from '../../fleet/peers.ts';
import { readSnapshot } from '../../fleet/session-snapshot.ts';
import type { Admission } from '../admission.ts';
import { answerEmpty, answerJson } from '../answers.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Sessions } from '../legacy/sessions.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import { type Change, changeIn } from '../notifier.ts';
import { pathOf } from '../request-listener.ts';
import type { Departures, HandOver, ToldMove } from './departures.ts';
import { answerMisdirected } from './peer-answer.ts';

export interface PeerEndpointOptions {
  /** For requests of clients, passed on. */
  readonly endpoints: Endpoints;
  /** Asks a session that is a stream to go elsewhere. */
  sendAway(id: string): void;
  readonly peers: Peers;
  readonly hello: () => Hello;
  readonly sessions: Sessions;
  readonly moves: Moves;
  readonly departures: Departures;
  readonly admission: Admission;
  readonly lifecycle: Lifecycle;
  readonly metrics: { sessionArrived(from: 'peer'): void; peerRefused(reason: string): void };
  /** Tells this pod's clients of a change that was published elsewhere. */
  tell(change: Change): void;
  /** Bytes of the largest message: a record with its event log. */
  readonly maxMessage: number;
  readonly log: Log;
}

/** What the pods of a fleet ask each other; whoever gets here has proven that it is one of them. */
export class PeerEndpoint {
  readonly #options: PeerEndpointOptions;

  constructor(options: PeerEndpointOptions) {
    this.#options = options;
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const path = pathOf(req);
    if (path === '/berth/alive') return answerEmpty(res, 204);
    const handle = this.#options.endpoints.get(path);
    if (handle !== undefined) return handle(req, res);
    // A pod of another time may serve what this one does not.
    if (!path.startsWith('/berth/')) {
      req.resume();
      return answerMisdirected(res, { kind: 'unknown' });
    }
    this.#read(req)
      .then((body) => this.#answer(path, body, res))
      .catch((error: unknown) => {
        this.#options.log.warn({ path, err: error }, 'Could not answer peer');
        answerJson(res, 400, { error: String(error) });
      });
  }

  async #answer(path: string, body: unknown, res: ServerResponse): Promise<void> {
    const { peers, hello } = this.#options;
    switch (path) {
      case '/berth/hello':
        peers.greeted(body as Hello);
        return answerJson(res, 200, hello());
      case '/berth/goodbye': {
        const { address, nonce } = body as Hello;
        peers.left(address, nonce);
        return answerEmpty(res, 204);
      }
      case '/berth/sessions':
        return answerEmpty(res, this.#takeIn(readHandOver(body)));
      case '/berth/find':
        return answerJson(res, 200, await this.#find((body as { readonly id: string }).id));
      case '/berth/moves':
        for (const move of body as readonly ToldMove[]) this.#heard(move);
        return answerEmpty(res, 204);
      case '/berth/send-away':
        this.#options.sendAway((body as { readonly id: string }).id);
        return answerEmpty(res, 204);
      case '/berth/notify': {
        const change = changeIn(body);
        if (change !== undefined) this.#options.tell(change);
        return answerEmpty(res, 204);
      }
      default:
        return answerEmpty(res, 404);
    }
  }

  /**
   * Takes in a session; answers 400 to what is none, 409 to one that is out of date, 503 when this pod leaves, 507 when
   * it has no room.
   */
  #takeIn(handOver: HandOver | undefined): 200 | 400 | 409 | 503 | 507 {
    if (handOver === undefined) return 400;
    const { snapshot, heard, idleFor, active, overCap } = handOver;
    const { sessions, moves, departures, admission, lifecycle, metrics } = this.#options;
    const { id, epoch } = snapshot.record;
    const known = sessions.epochOf(id) ?? Math.max(departures.epochOf(id) ?? -1, moves.get(id)?.epoch ?? -1);
    // The same once more: the answer to the first was lost.
    if (sessions.epochOf(id) === epoch) return 200;
    if (epoch <= known) {
      metrics.peerRefused('stale-epoch');
      return 409;
    }
    if (!sessions.parkable || lifecycle.draining) return 503;
    const release = active ? admission.admitArrival(overCap) : undefined;
    if (active ? release === undefined : sessions.parkedFull && !overCap) return 507;
    sessions.supersede(id);
    moves.delete(id);
    try {
      sessions.arrive(snapshot, { release, heard, idleFor });
    } catch (error) {
      // Who offered it keeps it.
      sessions.supersede(id);
      release?.();
      throw error;
    }
    metrics.sessionArrived('peer');
    return 200;
  }

  /** Where a session is, as far as this pod knows. */
  async #find(id: string): Promise<{ readonly address?: string; readonly epoch?: number }> {
    const { sessions, moves, departures, hello } = this.#options;
    await departures.underway(id);
    const epoch = sessions.epochOf(id);
    return epoch === undefined ? { ...moves.get(id) } : { address: hello().address, epoch };
  }

  #heard({ id, address, epoch }: ToldMove): void {
    const { sessions, moves, hello } = this.#options;
    if (address === hello().address) return;
    const own = sessions.epochOf(id);
    if (own !== undefined && own < epoch) sessions.supersede(id);
    if (own === undefined || own < epoch) moves.set(id, { address, epoch });
  }

  async #read(req: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = [];
    let received = 0;
    for await (const chunk of req as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > this.#options.maxMessage)
        throw new Error(`A peer's message may have ${this.#options.maxMessage} bytes.`);
      chunks.push(chunk);
    }
    return received === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
  }
}

/** What a peer hands over; `undefined` when it is unfit, which is found out before anything gives way to it. */
function readHandOver(body: unknown): HandOver | undefined {
  const { snapshot, heard, idleFor, active, overCap } = (body ?? {}) as Readonly<
    Partial<Record<keyof HandOver, unknown>>
  >;
  const read = readSnapshot(snapshot);
  const fit =
    Array.isArray(heard) &&
    heard.every((change) => typeof change === 'string') &&
    (idleFor === undefined || Number.isFinite(idleFor)) &&
    typeof active === 'boolean' &&
    typeof overCap === 'boolean';
  return read !== undefined && fit ? { ...(body as HandOver), snapshot: read } : undefined;
}
