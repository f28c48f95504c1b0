import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ServiceName } from './service-name.ts';

/** A replica of the operator, as the Service's EndpointSlices name it. */
export interface Replica {
  readonly host: string;
  readonly port: number;
  readonly ready: boolean;
}

/** The fields of a discovery.k8s.io/v1 EndpointSlice that are read here. */
interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly Endpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
}

interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean };
}

const PORT_NAME = 'metrics-api';

/** The replicas behind the Service, ready or not; those that end are left out, since they never turn ready again. */
export async function listReplicas(api: KubeApi, service: ServiceName, signal: AbortSignal): Promise<Replica[]> {
  const { items } = await api.list<EndpointSlice>(kinds.endpointSlice, {
    namespace: service.namespace,
    labelSelector: `kubernetes.io/service-name=${service.name}`,
    signal,
  });
  return items.flatMap(({ endpoints, ports }) => {
    const port = ports?.find(({ name }) => name === PORT_NAME)?.port;
    if (port === undefined) return [];
    return (endpoints ?? []).flatMap(({ addresses: [host], conditions }) =>
      // An absent `ready` means true.
      host === undefined || conditions?.terminating ? [] : [{ host, port, ready: conditions?.ready ?? true }],
    );
  });
}

/** Whether the aggregator can reach any replica through the Service. */
export async function isAnyReady(api: KubeApi, service: ServiceName, signal: AbortSignal): Promise<boolean> {
  return (await listReplicas(api, service, signal)).some(({ ready }) => ready);
}
