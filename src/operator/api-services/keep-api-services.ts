import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { OPERATOR_NAME } from '../../../charts/operator/names.ts';
import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { Alarm } from '../certificates/alarm.ts';
import type { CertificateStore } from '../certificates/certificate-store.ts';
import type { ServiceName } from '../certificates/service-name.ts';
import { type ApiService, apiServices, isAsWanted, isOurs } from './api-service.ts';
import { readApiServices } from './registered.ts';
import { type ApiServicesReason, type ApiServicesState, foreign, not, registered, UNKNOWN } from './state.ts';

export interface KeepApiServicesOptions {
  readonly api: KubeApi;
  readonly service: ServiceName;
  /** The name of the ClusterRole that they belong to, and go with. */
  readonly clusterRole: string;
  readonly store: Pick<CertificateStore, 'read' | 'watch'>;
  /** Whether a replica can be reached through the Service. */
  ready(signal: AbortSignal): Promise<boolean>;
  /** Told of every change. */
  report(state: ApiServicesState): void;
  readonly log: Logger;
}

/** A look costs four requests. An HPA that finds nothing asks again after 15 s, and changes nothing meanwhile. */
const LOOK_MS = 10_000;
/** While something is about to change. */
const LOOK_SOON_MS = 2_000;
const SETTLED: ReadonlySet<ApiServicesReason> = new Set(['Registered', 'Foreign', 'Failed']);

/** Registers the metrics API once it can be served, and keeps it so, for as long as this replica leads. */
export async function keepApiServices(options: KeepApiServicesOptions, signal: AbortSignal): Promise<void> {
  const { store, report, log } = options;
  const alarm = new Alarm();
  store.watch(() => alarm.ring(), signal);
  let state = UNKNOWN;
  while (!signal.aborted) {
    const before = state;
    try {
      state = await look(options, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'Failed to register the metrics API');
      state = refusal(error) ?? state;
    }
    if (!isDeepStrictEqual(state, before)) {
      log.info({ ...state }, 'Changed the state of the metrics API');
      report(state);
    }
    await alarm.sleep(SETTLED.has(state.reason) ? LOOK_MS : LOOK_SOON_MS, signal);
  }
}

async function look(options: KeepApiServicesOptions, signal: AbortSignal): Promise<ApiServicesState> {
  const { api, service, clusterRole, store } = options;
  // Read before the bundle: whoever changes them meanwhile has a newer one, and ours is refused for its version.
  const found = await readApiServices(api, signal);
  const others = found.flatMap((one) => (one && !isOurs(one, service) ? [one] : []));
  if (others.length > 0) return foreign(others);

  const role = await api.get({ kind: kinds.clusterRole, name: clusterRole }, { signal });
  const uid = role?.metadata.deletionTimestamp === undefined ? role?.metadata.uid : undefined;
  if (uid === undefined) return not('Uninstalling', `ClusterRole ${clusterRole} is gone, and the metrics API with it`);

  const stored = await store.read(signal);
  const caBundle = stored?.content.current && stored.data['ca.crt'];
  if (caBundle === undefined) return not('NotReady', 'The operator has no certificate yet');
  if (found.includes(undefined) && !(await options.ready(signal))) {
    return not('NotReady', 'No replica of the operator is Ready yet');
  }

  const wanted = apiServices({ service, caBundle, owner: { name: clusterRole, uid } });
  const applied = wanted.map((one, index) => keep(options, one, found[index], signal));
  return registered(await Promise.all(applied), service);
}

/** Resolves to the APIService as it is then. */
async function keep(
  { api, log }: KeepApiServicesOptions,
  wanted: ApiService,
  found: ApiService | undefined,
  signal: AbortSignal,
): Promise<ApiService> {
  if (found && isAsWanted(found, wanted)) return found;
  const { name, uid, resourceVersion } = found?.metadata ?? wanted.metadata;
  // The version ties the force to what was seen to be ours. Without force one that somebody made meanwhile is a conflict.
  const metadata = { ...wanted.metadata, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  const options = { fieldManager: OPERATOR_NAME, force: found !== undefined, signal };
  const applied = await api.apply<ApiService>({ ...wanted, metadata }, options);
  log.info({ kind: applied.kind, name }, 'Applied APIService');
  return applied;
}

/** What the API server will say again next time. A conflict, or no answer, says nothing about what is registered. */
function refusal(error: unknown): ApiServicesState | undefined {
  const lasts = error instanceof KubeError && error.status >= 400 && error.status < 500;
  if (!lasts || error.status === 409 || error.status === 429) return undefined;
  return not('Failed', `The metrics API cannot be registered: ${error.message}`);
}
