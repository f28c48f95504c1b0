import { randomBytes } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Hello } from '../../src/fleet/hello.ts';
import type { Membership } from '../../src/fleet/membership.ts';
import { Moves } from '../../src/fleet/moves.ts';
import { type Peer, PeerFailure, type PeerRequest } from '../../src/fleet/peer.ts';
import type { Peers } from '../../src/fleet/peers.ts';
import { SeenTags } from '../../src/fleet/seen-tags.ts';
import { ownerTag } from '../../src/fleet/session-id.ts';
import type { JsonRpcMessage } from '../../src/protocol/json-rpc.ts';
import { Admission } from '../../src/server/admission.ts';
import { drain } from '../../src/server/drain.ts';
import type { Elsewhere } from '../../src/server/elsewhere.ts';
import { createFleet, type Fleet } from '../../src/server/fleet/fleet.ts';
import { refusePeer } from '../../src/server/fleet/peer-answer.ts';
import { Gate, type Release } from '../../src/server/gate.ts';
import { LegacyEndpoint } from '../../src/server/legacy/legacy-endpoint.ts';
import { Sessions } from '../../src/server/legacy/sessions.ts';
import { Lifecycle } from '../../src/server/lifecycle.ts';
import type { Log } from '../../src/server/log.ts';
import type { Metrics } from '../../src/server/metrics.ts';
import { MovingMean } from '../../src/server/moving-mean.ts';
import { OpenStreams } from '../../src/server/open-streams.ts';
import { Refusals, type Refuse } from '../../src/server/refusals.ts';
import type { ServerDefinition } from '../../src/sources/define-server.ts';

/** A response that no socket carries: what is written can be read, and whoever reads may go. */
class MemoryResponse extends PassThrough {
  readonly head = Promise.withResolvers<void>();
  statusCode = 0;
  headers: Record<string, string> = {};
  headersSent = false;

  constructor() {
    super({ highWaterMark: 1024 * 1024 });
    this.once('close', () => this.head.resolve());
    this.on('error', () => {});
  }

  get complete(): boolean {
    return this.writableEnded;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders = {}): this {
    this.headersSent = true;
    this.statusCode = status;
    this.headers = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    this.head.resolve();
    return this;
  }

  setTimeout(): this {
    return this;
  }

  flushHeaders(): void {}
}

/** What a client sends. */
export interface MemoryRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly session?: string;
  readonly message?: JsonRpcMessage;
  /** A request of the modern era, of which only the slot is of interest here. */
  readonly modern?: boolean;
}

/** A request under way; nothing is read of a stream but its head. */
export interface UnderWay {
  readonly status: Promise<number>;
  readonly sessionId: () => string | undefined;
  readonly body: () => Promise<unknown>;
  /** The client goes. */
  leave(): void;
  readonly over: Promise<void>;
}

export interface MemoryFleetOptions {
  readonly definition: ServerDefinition;
  readonly maxConnections: number;
  readonly maxParked: number;
  readonly clock: () => number;
  /** Awaited wherever bytes would travel. */
  readonly travel: () => Promise<void>;
  /** Told of every session that is not on a pod any more. */
  readonly closed: (id: string, reason: string) => void;
}

/** Pods of the real parts, from admission to hand-over, with nothing but sockets and greetings left out. */
export class MemoryFleet {
  readonly options: MemoryFleetOptions;
  readonly pods: MemoryPod[] = [];
  /** Every tag that there ever was. */
  readonly tags: string[] = [];
  #ports = 0;

  constructor(options: MemoryFleetOptions) {
    this.options = options;
  }

  add(): MemoryPod {
    const pod = new MemoryPod(this, `127.0.0.1:${++this.#ports}`);
    this.tags.push(pod.membership.tag);
    for (const other of [...this.pods, pod]) for (const tag of this.tags) other.membership.tags.add(tag);
    this.pods.push(pod);
    return pod;
  }

  remove(pod: MemoryPod): void {
    this.pods.splice(this.pods.indexOf(pod), 1);
  }
}

export class MemoryPod {
  readonly gate: Gate;
  readonly lifecycle = new Lifecycle();
  readonly sessions: Sessions;
  readonly fleet: Fleet;
  readonly membership: Membership;
  readonly streams: OpenStreams;
  /** Modern requests that hold a slot: call to end one. */
  readonly modern: Release[] = [];
  readonly #whole: MemoryFleet;
  readonly #admission: Admission;
  readonly #forClients: LegacyEndpoint;
  readonly #refuse: Refuse;
  #inFlight = 0;
  #handlePeer: (req: IncomingMessage, res: ServerResponse) => void = () => {};

  constructor(whole: MemoryFleet, address: string) {
    const { maxConnections, maxParked, clock, closed, definition } = whole.options;
    this.#whole = whole;
    const { lifecycle } = this;
    const log = {
      debug: ({ session, reason }: { session?: string; reason?: string }, message: string) => {
        if (message === 'Closed session') closed(session ?? '', reason ?? '');
      },
      info() {},
      warn() {},
      error(details: object, message: string) {
        throw new Error(message, { cause: details });
      },
    } as unknown as Log;
    const metrics = {
      sessionOpened() {},
      sessionClosed() {},
      requestStarted: () => this.#inFlight++,
      requestOver: () => this.#inFlight--,
      forwarded() {},
      sessionArrived() {},
      peerRefused() {},
      refused() {},
    } as unknown as Metrics;
    this.gate = new Gate(maxConnections);
    this.streams = new OpenStreams(lifecycle.signal);
    this.#refuse = new Refusals({ log, metrics, gate: this.gate, signal: lifecycle.signal }).refuse;
    this.membership = this.#createMembership(address);
    this.sessions = new Sessions({
      definition,
      ownerTag: this.membership.tag,
      sessionIdleTimeout: 24 * 3_600_000,
      startTimeout: 30_000,
      evictAfter: 300_000,
      parkAfter: 60_000,
      maxParked,
      maxEventLog: 4_096,
      maxStreamBuffer: 1024 * 1024,
      slotsWanted: () => this.gate.waiting > 0,
      streams: this.streams,
      metrics,
      log,
      clock,
      fleetKey: () => '',
    });
    this.#admission = new Admission({
      gate: this.gate,
      lifecycle,
      sessions: this.sessions,
      modernMean: new MovingMean(15, clock),
      pressure: { high: false },
    });
    const parts = { sessions: this.sessions, admission: this.#admission, lifecycle, metrics, log };
    this.fleet = createFleet({
      ...parts,
      membership: this.membership,
      store: undefined,
      refuse: this.#refuse,
      maxEventLog: 4_096,
      // Searches are paced by it.
      clock: () => performance.now(),
    });
    const endpoint = (elsewhere: Elsewhere, refuse: Refuse) =>
      new LegacyEndpoint({ ...parts, elsewhere, refuse, maxRequestsPerSession: 64 });
    this.#forClients = endpoint(this.fleet.forClients, this.#refuse);
    const forPeers = endpoint(this.fleet.forPeers, refusePeer);
    const mcp = (req: IncomingMessage, res: ServerResponse) =>
      this.#serve(forPeers, this.fleet.forPeers, refusePeer, req, res);
    this.fleet.serve(
      new Map([['/mcp', mcp]]),
      () => {},
      () => {},
    );
    lifecycle.enter('serving');
  }

  get address(): string {
    return this.membership.address;
  }

  get gone(): boolean {
    return !this.#whole.pods.includes(this);
  }

  /** Takes a request of a client. */
  request({ method, session, message, modern = false }: MemoryRequest): UnderWay {
    const body = message === undefined ? undefined : JSON.stringify(message);
    const headers = {
      accept: 'application/json, text/event-stream',
      ...(session !== undefined && { 'mcp-session-id': session }),
      ...(modern && { 'x-modern': 'yes' }),
    };
    const { res, req } = createExchange(method, headers, body);
    this.#serve(this.#forClients, this.fleet.forClients, this.#refuse, req, res as unknown as ServerResponse);
    const over = new Promise<void>((resolve) => res.once('close', resolve));
    const status = res.head.promise.then(() => res.statusCode);
    // A stream is read by nobody, but it must come to its end.
    const read = status.then(() => text(res).catch(() => ''));
    return {
      status,
      sessionId: () => res.headers['mcp-session-id'],
      body: async () => JSON.parse((await read) || 'null') as unknown,
      leave: () => res.destroy(),
      over,
    };
  }

  /** Takes a request of a peer; rejects with a PeerFailure. */
  async handle({ method, path, headers, body, signal }: PeerRequest): Promise<IncomingMessage> {
    await this.#whole.options.travel();
    if (this.gone) throw new PeerFailure(this.address, 'unsent', 'it is gone');
    const { res, req } = createExchange(method, headers as Record<string, string>, body, path);
    signal?.addEventListener('abort', () => res.destroy(), { once: true });
    if (signal?.aborted === true) res.destroy();
    else this.#handlePeer(req, res as unknown as ServerResponse);
    await res.head.promise;
    await this.#whole.options.travel();
    if (!res.headersSent) throw new PeerFailure(this.address, 'lost', 'no answer');
    return res as unknown as IncomingMessage;
  }

  /** What keeps a drain from its end, for who wonders. */
  get busyWith(): string {
    const { modern, sessions, fleet } = this;
    return JSON.stringify({
      inFlight: this.#inFlight,
      modern: modern.length,
      opening: sessions.opening,
      relayed: fleet.relays.calls,
      held: [...sessions].map((session) => [session.record.id, session.requestsInFlight, session.use.activity]),
      parked: [...sessions.parked].length,
    });
  }

  /** Drains and goes, as on SIGTERM. */
  async leave(): Promise<void> {
    await drain(
      {
        drainDelay: 0,
        drainWindow: 0,
        longestCall: 60_000,
        lifecycle: this.lifecycle,
        sessions: this.sessions,
        sse: undefined,
        fleet: this.fleet,
        listens: undefined,
        openStreams: () => this.streams.count('standalone') + this.fleet.relays.streams,
        callsInFlight: () =>
          this.#inFlight + this.modern.length + this.sessions.opening + (this.fleet.relays.calls ?? 0),
        closeIdle: () => {},
      },
      new AbortController().signal,
    );
    await this.fleet.leave();
    this.#whole.remove(this);
    this.lifecycle.end();
  }

  #serve(
    legacy: LegacyEndpoint,
    elsewhere: Elsewhere,
    refuse: Refuse,
    req: IncomingMessage & { readonly body?: string | undefined },
    res: ServerResponse,
  ): void {
    const work = { req, res, body: req.body };
    if (req.headers['x-modern'] !== undefined) void this.#serveModern(elsewhere, refuse, work);
    else if (req.method === 'GET') legacy.get(work);
    else if (req.method === 'DELETE') legacy.delete(work);
    else legacy.post([JSON.parse(req.body ?? '') as JsonRpcMessage], false, work);
  }

  async #serveModern(elsewhere: Elsewhere, refuse: Refuse, work: Parameters<Elsewhere['offer']>[0]): Promise<void> {
    const { res } = work;
    let admitted = this.#admission.admit();
    if ('refused' in admitted) {
      if (await elsewhere.offer(work)) return;
      const gone = new AbortController();
      gone.abort();
      admitted = await this.#admission.admitRequestAfterAll(gone.signal);
    }
    if ('refused' in admitted) return refuse(res, admitted.refused);
    const { release } = admitted;
    const finish = () => {
      const index = this.modern.indexOf(finish);
      if (index === -1) return;
      this.modern.splice(index, 1);
      release();
      res.writeHead(200, { 'content-length': 0 });
      res.end();
    };
    this.modern.push(finish);
    res.once('close', finish);
  }

  #createMembership(address: string): Membership {
    const nonce = randomBytes(8).toString('hex');
    const tag = ownerTag(address, nonce);
    const hello = () => ({ address, nonce }) as Hello;
    const seen = new Map<MemoryPod, MemoryPeer>();
    const current = () => {
      const others = this.#whole.pods.filter((pod) => pod !== this);
      return others.map((pod) => {
        const peer = seen.get(pod) ?? new MemoryPeer(pod);
        seen.set(pod, peer);
        return peer;
      });
    };
    const peers = {
      changing: false,
      unheardOf: 0,
      get: (wanted: string) => current().find((peer) => peer.address === wanted),
      byTag: (wanted: string) => current().find((peer) => peer.tag === wanted),
      get current() {
        return current();
      },
      get reachable() {
        return current();
      },
      get takingWork() {
        return current().filter((peer) => peer.takesWork);
      },
      get withRoom() {
        return current().filter((peer) => peer.mayHaveRoom);
      },
      announce: async () => {},
      sayGoodbye: async () => {},
    };
    return {
      port: 0,
      tag,
      address,
      hello,
      peers: peers as unknown as Peers,
      tags: new SeenTags(24 * 3_600_000, () => performance.now()),
      moves: new Moves(() => address),
      secret: () => '',
      serve: (handle) => {
        this.#handlePeer = handle;
      },
      close: async () => {},
      destroy() {},
    };
  }
}

/** How long a pod that was full is not asked again, as the real one. */
const FULL_MS = 100;

/** Another pod, as one sees it. */
class MemoryPeer implements Pick<Peer, 'address' | 'tag' | 'template' | 'startedAt' | 'suspended' | 'takesWork'> {
  readonly template = '';
  readonly startedAt = 0;
  readonly suspended = false;
  readonly reachable = true;
  readonly #pod: MemoryPod;
  #fullUntil = 0;

  constructor(pod: MemoryPod) {
    this.#pod = pod;
  }

  get address(): string {
    return this.#pod.address;
  }

  get tag(): string {
    return this.#pod.membership.tag;
  }

  get takesWork(): boolean {
    return this.#pod.lifecycle.phase === 'serving';
  }

  get mayHaveRoom(): boolean {
    return this.takesWork && this.#fullUntil <= performance.now();
  }

  full(): void {
    this.#fullUntil = performance.now() + FULL_MS;
  }

  send(request: PeerRequest): Promise<IncomingMessage> {
    return this.#pod.handle(request);
  }

  async ask(path: string, body: unknown, limit: number): Promise<{ status: number; body: unknown }> {
    const signal = AbortSignal.timeout(limit);
    const answer = await this.send({ method: 'POST', path, headers: {}, body: JSON.stringify(body), signal });
    const said = await text(answer);
    return { status: answer.statusCode ?? 0, body: said === '' ? undefined : JSON.parse(said) };
  }
}

function createExchange(method: string, headers: Record<string, string>, body: string | undefined, url = '/mcp') {
  const req = Object.assign(Readable.from(body === undefined ? [] : [Buffer.from(body)]), {
    method,
    url,
    headers,
    body,
    socket: {},
  }) as unknown as IncomingMessage;
  return { req, res: Object.assign(new MemoryResponse(), { req }) };
}
