import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { STREAM_KINDS, type StreamKind } from './event-stream.ts';
import { SHORTAGES, type Shortage } from './pressure.ts';
import type { ClosedReason } from './session-metrics.ts';

/** `pressure`: slots are free, but those who are in suffer already. `returning`: a parked session came back and the whole fleet is full. `unreachable`: the pod that may hold the session is silent. */
const REFUSAL_REASONS = ['capacity', 'pressure', 'draining', 'returning', 'unreachable'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** How handing a request or a session to a peer went. */
export type ForwardResult = 'answered' | 'full' | 'moved' | 'unknown' | 'unsent' | 'lost';

/** What is read when somebody asks for the metrics. */
export interface Readings {
  /** Slots held as they are exported: short modern requests as a mean over 15 s. */
  activeConnections(): number;
  /** Slots held at this moment. */
  readonly held: number;
  readonly maxConnections: number;
  readonly waiting: number;
  readonly sessions: Readonly<Record<'active' | 'dozing' | 'parked', number>>;
  /** Records of parked sessions that there is room for; `undefined` where they are safe without. */
  readonly maxParked: number | undefined;
  readonly notStored: number;
  readonly draining: boolean;
  readonly pressure: {
    /** Milliseconds. */
    readonly delay: number;
    readonly short: Readonly<Record<Shortage, boolean>>;
  };
  openStreams(kind: StreamKind): number;
}

/** The body of `GET /connections`. */
export interface Connections {
  readonly active: number;
  readonly activeMean: number;
  readonly max: number;
  readonly waiting: number;
  readonly overCap: number;
  readonly sessions: Readonly<Record<'active' | 'dozing' | 'parked', number>>;
  /** Parked sessions that a pod can keep, and its peers with it; not there where a store keeps them. */
  readonly maxParked?: number;
  readonly streams: Readonly<Record<StreamKind, number>>;
  readonly requestsInFlight: Readonly<Record<'legacy' | 'modern', number>>;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  readonly shortOf: Readonly<Record<Shortage, boolean>>;
  readonly draining: boolean;
}

/** The methods that get a label of their own; clients can send any. */
const METHODS = new Set(
  `initialize ping tools/list tools/call resources/list resources/templates/list resources/read resources/subscribe
  resources/unsubscribe prompts/list prompts/get completion/complete logging/setLevel server/discover
  subscriptions/listen`.split(/\s+/),
);

/** Everything this process counts, in Prometheus' form and as plain numbers. */
export class Metrics {
  readonly registry = new Registry();
  readonly #readings: Readings;
  readonly #inFlight = { legacy: 0, modern: 0 };
  readonly #refusals = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >;
  readonly #refused: Counter<'reason'>;
  readonly #forwarded: Counter<'result'>;
  readonly #arrived: Counter<'from'>;
  readonly #peersRefused: Counter<'reason'>;
  readonly #opened: Counter;
  readonly #closed: Counter<'reason'>;
  readonly #sessionSeconds: Histogram;
  readonly #requestSeconds: Histogram<'method'>;

  constructor(readings: Readings) {
    this.#readings = readings;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('mcp_active_connections', 'Slots held; short modern requests as a 15 s mean', () =>
      readings.activeConnections(),
    );
    gauge('mcp_max_connections', 'Slots there are', () => readings.maxConnections);
    gauge('mcp_connections_waiting', 'Modern requests that wait for a slot', () => readings.waiting);
    gauge(
      'mcp_sessions_not_stored',
      'Sessions whose newest state is not in the session store',
      () => readings.notStored,
    );
    gauge('mcp_connections_over_cap', 'Slots held above the cap', () =>
      Math.max(0, readings.held - readings.maxConnections),
    );
    new Gauge({
      name: 'mcp_draining',
      help: '1 from SIGTERM on',
      registers,
      // Every other number of several workers is added up.
      aggregator: 'max',
      collect() {
        this.set(Number(readings.draining));
      },
    });
    new Gauge({
      name: 'mcp_call_delay_seconds',
      help: 'How long a call that has arrived waits for its turn, as a mean over some seconds',
      registers,
      aggregator: 'max',
      collect() {
        this.set(readings.pressure.delay / 1_000);
      },
    });
    new Gauge({
      name: 'mcp_pressure',
      help: '1 while new work is refused for want of time or memory, whatever slots are free',
      labelNames: ['short_of'],
      registers,
      aggregator: 'max',
      collect() {
        for (const what of SHORTAGES) this.set({ short_of: what }, Number(readings.pressure.short[what]));
      },
    });
    new Gauge({
      name: 'mcp_sessions',
      help: 'Legacy sessions held',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(readings.sessions)) this.set({ state }, count);
      },
    });
    new Gauge({
      name: 'mcp_open_streams',
      help: 'Open event streams',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const kind of STREAM_KINDS) this.set({ kind }, readings.openStreams(kind));
      },
    });
    const inFlight = this.#inFlight;
    new Gauge({
      name: 'mcp_requests_in_flight',
      help: 'MCP requests whose answer or handler is outstanding',
      labelNames: ['era'],
      registers,
      collect() {
        for (const era of ['legacy', 'modern'] as const) this.set({ era }, inFlight[era]);
      },
    });
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name, help, labelNames: [...labelNames], registers });
    this.#refused = counter('mcp_connections_refused_total', 'Requests answered 503', ['reason']);
    this.#forwarded = counter('mcp_connections_forwarded_total', 'Requests handed to a peer', ['result']);
    this.#arrived = counter('mcp_sessions_arrived_total', 'Legacy sessions taken over from other pods', ['from']);
    this.#peersRefused = counter('mcp_peer_calls_refused_total', 'Calls on the peer port that were refused', [
      'reason',
    ]);
    this.#opened = counter('mcp_sessions_opened_total', 'Legacy sessions opened');
    this.#closed = counter('mcp_sessions_closed_total', 'Legacy sessions closed', ['reason']);
    this.#sessionSeconds = new Histogram({
      name: 'mcp_session_duration_seconds',
      help: 'From initialize to the end of a legacy session',
      buckets: [1, 10, 60, 300, 900, 3_600, 14_400, 86_400],
      registers,
    });
    this.#requestSeconds = new Histogram({
      name: 'mcp_request_duration_seconds',
      help: 'From the arrival of an MCP request to its answer',
      labelNames: ['method'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300],
      registers,
    });
    for (const reason of REFUSAL_REASONS) this.#refused.inc({ reason }, 0);
  }

  sessionOpened(): void {
    this.#opened.inc();
  }

  sessionClosed(reason: ClosedReason, seconds: number): void {
    this.#closed.inc({ reason });
    // Those go on elsewhere.
    if (reason !== 'handed-over' && reason !== 'superseded') this.#sessionSeconds.observe(seconds);
  }

  sessionArrived(from: 'peer' | 'store'): void {
    this.#arrived.inc({ from });
  }

  forwarded(result: ForwardResult): void {
    this.#forwarded.inc({ result });
  }

  peerRefused(reason: string): void {
    this.#peersRefused.inc({ reason });
  }

  requestStarted(era: 'legacy' | 'modern'): void {
    this.#inFlight[era]++;
  }

  requestOver(era: 'legacy' | 'modern', method: string, seconds: number): void {
    this.#inFlight[era]--;
    this.#requestSeconds.observe({ method: METHODS.has(method) ? method : 'other' }, seconds);
  }

  refused(reason: RefusalReason): void {
    this.#refusals[reason]++;
    this.#refused.inc({ reason });
  }

  get requestsInFlight(): number {
    return this.#inFlight.legacy + this.#inFlight.modern;
  }

  connections(): Connections {
    const { held, maxConnections, waiting, sessions, maxParked, pressure, draining } = this.#readings;
    return {
      active: held,
      activeMean: this.#readings.activeConnections(),
      max: maxConnections,
      waiting,
      overCap: Math.max(0, held - maxConnections),
      sessions,
      ...(maxParked === undefined ? {} : { maxParked }),
      streams: {
        standalone: this.#readings.openStreams('standalone'),
        request: this.#readings.openStreams('request'),
        listen: this.#readings.openStreams('listen'),
        sse: this.#readings.openStreams('sse'),
      },
      requestsInFlight: { ...this.#inFlight },
      refused: { ...this.#refusals },
      shortOf: { ...pressure.short },
      draining,
    };
  }
}
