import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { ServiceName } from '../certificates/service-name.ts';
import { API_SERVICE_NAMES, type ApiService, isOurs } from './api-service.ts';

/** The metrics API's APIServices as they are now, in the order of `API_SERVICE_NAMES`; `undefined` for one that is not. */
export function readApiServices(api: KubeApi, signal: AbortSignal): Promise<(ApiService | undefined)[]> {
  return Promise.all(
    API_SERVICE_NAMES.map((name) => api.get<ApiService>({ kind: kinds.apiService, name }, { signal })),
  );
}

/** The bundles (PEM) by which the API server verifies our Service: those of the APIServices that are ours. */
export async function registeredBundles(api: KubeApi, service: ServiceName, signal: AbortSignal): Promise<string[]> {
  const found = await readApiServices(api, signal);
  return found.flatMap((one) =>
    one && isOurs(one, service) ? [Buffer.from(one.spec.caBundle ?? '', 'base64').toString()] : [],
  );
}
