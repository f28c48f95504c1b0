import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { DemandParameters, MetricsSource, PodValue } from '../../../src/operator/metrics-api/metrics-source.ts';
import {
  parseRequestHeaderConfig,
  type RequestHeaderConfig,
} from '../../../src/operator/metrics-api/request-header.ts';
import type { Observation } from '../../../src/operator/metrics-api/request-listener.ts';
import { type MetricsApi, startMetricsApi } from '../../../src/operator/metrics-api/server.ts';
import { type Authority, createAuthority, type Pair, USAGE } from './authority.ts';

export const SERVER_NAME = 'berth-operator.berth-system.svc';
/** What the controller-manager's client says of itself. */
export const HPA = {
  accept: 'application/vnd.kubernetes.protobuf, */*',
  'user-agent': 'kube-controller-manager/v1.34.4 (linux/amd64) kubernetes/horizontal-pod-autoscaler',
  'accept-encoding': 'gzip',
  'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  'x-remote-group': ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
};
export const AT = Date.UTC(2026, 10, 22, 9, 30, 0, 987);

/** Answers with what it holds. */
export class FakeSource implements MetricsSource {
  podValues: Record<string, PodValue[]> = {};
  demands: Record<string, number> = {};
  unavailable: string | undefined;
  broken = false;
  readonly asked: DemandParameters[] = [];
  readonly selectors: string[] = [];

  pods(namespace: string, selects: (labels: Readonly<Record<string, string>>) => boolean, selector: string) {
    if (this.broken) throw new Error('a fault of ours');
    if (this.unavailable !== undefined) return { unavailable: this.unavailable };
    this.selectors.push(selector);
    return { values: (this.podValues[namespace] ?? []).filter(({ labels }) => selects(labels)) };
  }

  demand(namespace: string, fleet: string, parameters: DemandParameters) {
    if (this.unavailable !== undefined) return { unavailable: this.unavailable };
    this.asked.push(parameters);
    const value = this.demands[`${namespace}/${fleet}`];
    return value === undefined ? undefined : { value: value + parameters.buffer, at: AT };
  }
}

/** An API server that is asked who may do what. */
export class FakeReviews {
  allows: (spec: Record<string, unknown>) => boolean | Promise<boolean> = () => true;
  reason: string | undefined;
  failure: Error | undefined;
  answer: unknown;
  readonly specs: Record<string, unknown>[] = [];
  readonly kinds: unknown[] = [];

  async create(kind: unknown, object: object): Promise<unknown> {
    const { spec, ...type } = object as { spec: Record<string, unknown> };
    this.specs.push(spec);
    this.kinds.push(kind, type);
    if (this.failure !== undefined) throw this.failure;
    if (this.answer !== undefined) return this.answer;
    return { ...object, status: { allowed: await this.allows(spec), ...(this.reason && { reason: this.reason }) } };
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly json: unknown;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  /** `null`: none. */
  readonly client?: Pair | null;
  readonly agent?: Agent;
  readonly body?: string;
  /** `null`: none. */
  readonly servername?: string | null;
  readonly maxVersion?: SecureVersion;
}

export interface Lab {
  readonly api: MetricsApi;
  readonly source: FakeSource;
  readonly reviews: FakeReviews;
  readonly serving: Authority;
  readonly frontProxy: Authority;
  readonly aggregator: Pair;
  readonly observed: Observation[];
  readonly log: string[];
  readonly time: { now: number };
  readonly ready: { now: boolean };
  stop(): Promise<void>;
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** A socket of the aggregator, after its handshake. */
  connect(options?: ConnectionOptions): Promise<TLSSocket>;
  /** An agent that keeps one socket. */
  agent(client?: Pair | null): Agent;
}

/** What a cluster of kubeadm has in its ConfigMap. */
export function configMapOf(ca: string, changes: Record<string, string> = {}): Record<string, string> {
  return {
    'client-ca-file': 'another CA',
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': ca,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    ...changes,
  };
}

export function configOf(ca: string, changes: Record<string, string> = {}): RequestHeaderConfig {
  return parseRequestHeaderConfig(configMapOf(ca, changes));
}

export interface LabOptions {
  readonly requestTimeoutMs?: number;
  /** Whether it begins with neither certificate nor configuration. */
  readonly bare?: boolean;
}

export async function startLab({ requestTimeoutMs, bare = false }: LabOptions = {}): Promise<Lab> {
  const [serving, frontProxy] = await Promise.all([
    createAuthority('CN=serving'),
    createAuthority('CN=front-proxy-ca'),
  ]);
  const aggregator = await frontProxy.issue('CN=front-proxy-client');
  const source = new FakeSource();
  const reviews = new FakeReviews();
  const observed: Observation[] = [];
  const lines: string[] = [];
  const time = { now: Date.now() };
  const ready = { now: true };
  const end = new AbortController();
  const api = await startMetricsApi({
    host: '127.0.0.1',
    port: 0,
    source,
    api: reviews,
    log: pino({ level: 'debug' }, { write: (line: string) => lines.push(line) }),
    isReady: () => ready.now,
    observe: (observation) => observed.push(observation),
    clock: () => time.now,
    signal: end.signal,
    ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
  });
  if (!bare) {
    api.present(await serving.issue('CN=berth-operator', { usage: USAGE.server, dns: [SERVER_NAME] }));
    api.trust(configOf(frontProxy.ca));
  }
  const stop = async () => {
    end.abort();
    await api.closed;
  };
  onTestFinished(stop);
  const { port } = api;
  const tls = { host: '127.0.0.1', port, ca: serving.ca, servername: SERVER_NAME };

  return {
    api,
    source,
    reviews,
    serving,
    frontProxy,
    aggregator,
    observed,
    log: lines,
    time,
    ready,
    stop,
    agent: (client = aggregator) => {
      const agent = new Agent({ ...tls, ...client, keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      return agent;
    },
    connect: async (options) => {
      const socket = connect({ ...tls, ...aggregator, ...options });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      return socket;
    },
    ask: async (path, options = {}) => {
      const {
        method = 'GET',
        headers = HPA,
        client = aggregator,
        agent = false,
        body,
        servername,
        maxVersion,
      } = options;
      // Node checks names against an address when there is none to send.
      const name = servername === null ? { servername: '', checkServerIdentity: () => undefined } : {};
      const req = request({
        ...tls,
        ...name,
        ...client,
        path,
        method,
        headers,
        agent,
        ...(maxVersion && { maxVersion }),
      });
      req.end(body);
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      const chunks = await res.toArray();
      const text = Buffer.concat(chunks).toString('utf8');
      const isJson = text !== '' && res.headers['content-type'] === 'application/json';
      return {
        status: res.statusCode ?? 0,
        headers: res.headers,
        body: text,
        json: isJson ? JSON.parse(text) : undefined,
      };
    },
  };
}
