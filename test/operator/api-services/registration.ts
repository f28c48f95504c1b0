import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { API_SERVICE_NAMES, type ApiService } from '../../../src/operator/api-services/api-service.ts';
import { keepApiServices } from '../../../src/operator/api-services/keep-api-services.ts';
import type { ApiServicesState } from '../../../src/operator/api-services/state.ts';
import type { StoredSecret } from '../../../src/operator/certificates/certificate-store.ts';
import { FakeKubeApi } from '../../fixtures/fake-kube-api/fake-kube-api.ts';

export const service = { namespace: 'berth-system', name: 'berth-operator' };
export const role: KubeObject = { ...named('clusterRole', 'berth-operator'), ...{ rules: [] } };

/** A cluster with the operator's ClusterRole, and a leader that registers the metrics API there. */
export async function startRegistration() {
  const fake = await FakeKubeApi.start();
  fake.put(role);
  const end = new AbortController();
  const states: ApiServicesState[] = [];
  const listeners: (() => void)[] = [];
  const world = {
    fake,
    ready: true,
    /** Base64, as in the Secret; `undefined`: there is none. */
    bundle: 'QQ==' as string | undefined,
    /** Runs in the middle of a look, once what is registered has been read. */
    meanwhile: () => {},
    states,
    get state() {
      return states.at(-1);
    },
    /** Makes the leader look at once, as a change of the Secret does. */
    look: () => {
      for (const listener of listeners) listener();
    },
    found: () => API_SERVICE_NAMES.map((name) => fake.get<ApiService>(kinds.apiService, undefined, name)),
    bundles: () => world.found().map((one) => one?.spec.caBundle),
    /** Looks taken so far, told by what each reads first. */
    looks: () => (fake.requests['get apiservices'] ?? 0) / API_SERVICE_NAMES.length,
    start() {
      const api = fake.api();
      const running = keepApiServices(
        {
          api,
          service,
          clusterRole: role.metadata.name,
          store: {
            read: async () => {
              world.meanwhile();
              return world.bundle === undefined ? undefined : secret(world.bundle);
            },
            watch: (listener) => void listeners.push(listener),
          },
          ready: async () => world.ready,
          report: (state) => void states.push(state),
          log: pino({ level: 'silent' }),
        },
        end.signal,
      );
      onTestFinished(async () => {
        end.abort();
        await running;
      });
    },
  };
  onTestFinished(() => fake.stop());
  return world;
}

/** What the loop reads of it. */
function secret(bundle: string): StoredSecret {
  const current = { ca: '', certificate: '', key: '' };
  const object = { ...named('secret', 'berth-operator-tls') };
  return { object, data: { 'ca.crt': bundle }, content: { current, next: undefined, previous: [] } };
}

function named(kind: 'clusterRole' | 'secret' | 'apiService', name: string): KubeObject {
  return { apiVersion: kinds[kind].apiVersion, kind: kinds[kind].kind, metadata: { name } };
}

/** One of another server's. */
export function foreignApiService(version: 'v1beta1' | 'v1beta2'): ApiService {
  const group = 'custom.metrics.k8s.io';
  const at = { namespace: 'monitoring', name: 'prometheus-adapter', port: 443 };
  const spec = { group, version, groupPriorityMinimum: 100, versionPriority: 100, service: at, caBundle: 'Wg==' };
  return { ...named('apiService', `${version}.${group}`), spec };
}

/** As the API server's own controller writes it. */
export function withStatus(found: ApiService, status: 'True' | 'False', message: string): ApiService {
  const conditions = [
    { type: 'Available', status, reason: status === 'True' ? 'Passed' : 'MissingEndpoints', message },
  ];
  return { ...found, status: { conditions } };
}
