import { kinds } from '../../kube/kinds.ts';
import type { KubeObject, OwnerReference } from '../../kube/kube-object.ts';
import type { ServiceName } from '../certificates/service-name.ts';

/** An apiregistration.k8s.io/v1 APIService, as far as it is read here. */
export interface ApiService extends KubeObject {
  readonly spec: ApiServiceSpec;
  readonly status?: { readonly conditions?: readonly Condition[] | null };
}

export interface ApiServiceSpec {
  readonly group: string;
  readonly version: string;
  readonly groupPriorityMinimum: number;
  readonly versionPriority: number;
  /** Absent where the API server itself serves the group. */
  readonly service?: { readonly namespace?: string; readonly name?: string; readonly port?: number } | null;
  /** Base64 of PEM. */
  readonly caBundle?: string;
  readonly insecureSkipTLSVerify?: boolean;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

const GROUP = 'custom.metrics.k8s.io';
/** Those that an HPA controller may ask for, and which goes first: the higher number. */
const VERSIONS = { v1beta1: 100, v1beta2: 200 } as const;

/** The names of the APIServices that registering the metrics API takes. */
export const API_SERVICE_NAMES: readonly string[] = Object.keys(VERSIONS).map((version) => `${version}.${GROUP}`);

export interface ApiServicesOptions {
  readonly service: ServiceName;
  /** Base64 of PEM. */
  readonly caBundle: string;
  /** The ClusterRole that they go with. */
  readonly owner: { readonly name: string; readonly uid: string };
}

/** The APIServices that send the custom metrics API's requests to the operator. */
export function apiServices({ service, caBundle, owner: { name, uid } }: ApiServicesOptions): ApiService[] {
  const { apiVersion, kind } = kinds.apiService;
  // Without blockOwnerDeletion: that would need rights on the ClusterRole.
  const owner: OwnerReference = { apiVersion: kinds.clusterRole.apiVersion, kind: kinds.clusterRole.kind, name, uid };
  return Object.entries(VERSIONS).map(([version, versionPriority]) => ({
    apiVersion,
    kind,
    metadata: {
      name: `${version}.${GROUP}`,
      labels: { 'app.kubernetes.io/managed-by': 'berth' },
      ownerReferences: [owner],
    },
    spec: {
      group: GROUP,
      version,
      groupPriorityMinimum: 100,
      versionPriority,
      service: { namespace: service.namespace, name: service.name, port: 443 },
      caBundle,
      // Said, so that it is put back: an API server takes no bundle beside a true one.
      insecureSkipTLSVerify: false,
    },
  }));
}

/** Whether an APIService sends its requests to our Service. */
export function isOurs({ spec }: ApiService, { namespace, name }: ServiceName): boolean {
  return spec.service?.namespace === namespace && spec.service.name === name;
}

/** Whether an APIService already is as wanted; what others added to it does not count. */
export function isAsWanted(found: ApiService, { metadata: { labels = {}, ownerReferences = [] }, spec }: ApiService) {
  return (
    includes(found.metadata.labels, labels) &&
    ownerReferences.every((owner) => found.metadata.ownerReferences?.some((other) => includes(other, owner))) &&
    includes(found.spec, spec)
  );
}

/** Whether everything in `part` is in `whole`; an API server leaves out what is false. */
function includes(whole: unknown, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return (whole ?? false) === part;
  return Object.entries(part).every(([key, value]) =>
    includes((whole as Record<string, unknown> | null)?.[key], value),
  );
}

/** Why the API server does not send requests on, or `undefined` when it does. */
export function unavailability({ metadata: { name }, status }: ApiService): string | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (condition === undefined) return `the API server has not tried ${name} yet`;
  if (condition.status === 'True') return undefined;
  return [`${name} is not available`, condition.reason, condition.message].filter(Boolean).join(': ');
}
