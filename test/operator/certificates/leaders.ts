import { connect } from 'node:tls';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { API_SERVICE_NAMES, type ApiService } from '../../../src/operator/api-services/api-service.ts';
import { keepApiServices } from '../../../src/operator/api-services/keep-api-services.ts';
import { registeredBundles } from '../../../src/operator/api-services/registered.ts';
import { CertificateStore } from '../../../src/operator/certificates/certificate-store.ts';
import type { TlsPair } from '../../../src/operator/certificates/generation.ts';
import {
  type KeepCertificatesOptions,
  keepCertificates,
} from '../../../src/operator/certificates/keep-certificates.ts';
import { isAnyReady, listReplicas, type Replica } from '../../../src/operator/certificates/replicas.ts';
import { servedFingerprints } from '../../../src/operator/certificates/served-fingerprints.ts';
import { FakeKubeApi } from '../../fixtures/fake-kube-api/fake-kube-api.ts';
import { make, service } from './generations.ts';
import { startReplica } from './tls-replica.ts';

export const SECRET = 'berth-operator-tls';
const log = pino({ level: 'silent' });
const role = { apiVersion: kinds.clusterRole.apiVersion, kind: 'ClusterRole', metadata: { name: 'berth-operator' } };

/** A cluster, the time that its leaders go by, and what leads there. */
export class World {
  /** Milliseconds that the leaders' clocks are ahead; certificates are made for real, and last from now. */
  ahead = 0;
  readonly clock = () => Date.now() + this.ahead;
  readonly keys = () => Object.keys(this.secret()?.data ?? {}).sort();

  readonly fake: FakeKubeApi;

  constructor(fake: FakeKubeApi) {
    this.fake = fake;
  }

  secret() {
    return this.fake.get<KubeObject & { data: Record<string, string> }>(kinds.secret, service.namespace, SECRET);
  }

  text(key: string): string {
    return Buffer.from(this.secret()?.data[key] ?? '', 'base64').toString();
  }

  /** PEM. */
  bundles(): string[] {
    return API_SERVICE_NAMES.flatMap((name) => {
      const { caBundle } = this.fake.get<ApiService>(kinds.apiService, undefined, name)?.spec ?? {};
      return caBundle === undefined ? [] : [Buffer.from(caBundle, 'base64').toString()];
    });
  }

  store(onChange: (pair: TlsPair) => void = () => {}): CertificateStore {
    return new CertificateStore({ api: this.fake.api(), service, onChange, log, clock: this.clock });
  }

  /** Runs for the length of a test, or until the returned function is called. */
  during(run: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
    const end = new AbortController();
    const running = run(end.signal);
    const stop = async () => {
      end.abort();
      await running;
    };
    onTestFinished(stop);
    return stop;
  }

  /** A leader that keeps the certificates, and nothing else. */
  leadAlone(others: Partial<KeepCertificatesOptions> = {}, store = this.store()): () => Promise<void> {
    const api = this.fake.api();
    const options: KeepCertificatesOptions = {
      store,
      bundles: (signal) => registeredBundles(api, service, signal),
      served: async (signal) => servedFingerprints(await listReplicas(api, service, signal), signal, 500),
      make: () => make(Date.now()),
      log,
      clock: this.clock,
      ...others,
    };
    return this.during(async (signal) => {
      await Promise.all([store.run(signal), keepCertificates(options, signal)]);
    });
  }

  /** A leader as it is: both loops over one store. */
  lead(): () => Promise<void> {
    const [api, store] = [this.fake.api(), this.store()];
    const stopCertificates = this.leadAlone({}, store);
    const ready = (signal: AbortSignal) => isAnyReady(api, service, signal);
    const options = { api, service, clusterRole: role.metadata.name, store, ready, report: () => {}, log };
    const stopRegistration = this.during((signal) => keepApiServices(options, signal));
    return async () => {
      await Promise.all([stopCertificates(), stopRegistration()]);
    };
  }
}

/** An empty cluster, for the length of a test. */
export async function cluster(): Promise<World> {
  const fake = await FakeKubeApi.start();
  onTestFinished(() => fake.stop());
  fake.put(role);
  return new World(fake);
}

/** A replica that serves what its own store gives it, in a slice of its own. */
export async function startServing(world: World, name: string): Promise<Replica> {
  const { replica, serve } = await startReplica(await make(Date.now()));
  const store = world.store(serve);
  world.during((signal) => store.run(signal));
  world.fake.put({
    apiVersion: kinds.endpointSlice.apiVersion,
    kind: 'EndpointSlice',
    metadata: { name, namespace: service.namespace, labels: { 'kubernetes.io/service-name': service.name } },
    ...{ ports: [{ name: 'metrics-api', port: replica.port }], endpoints: [{ addresses: [replica.host] }] },
  });
  return replica;
}

/** What the API server does: a handshake that counts if the bundle verifies it. */
export async function verify({ host, port }: Replica, ca: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host, port, ca, servername: 'berth-operator.berth-system.svc' });
  socket.once('secureConnect', () => resolve(undefined));
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  const found = await promise;
  socket.destroy();
  return found;
}
