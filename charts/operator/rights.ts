import type { V1PolicyRule } from '@kubernetes/client-node';
import { API_SERVICES, CERTIFICATES_SECRET, FLEET_RESOURCE, OPERATOR_NAME } from './names.ts';

/** One rule of the operator's roles, and what it is for. */
export interface Right {
  readonly group: string;
  readonly resources: readonly string[];
  /** Only these, if given. */
  readonly names?: readonly string[];
  readonly verbs: readonly string[];
  readonly allows: string;
}

const READ = ['get', 'list', 'watch'];
/** A server-side apply of an object that is not there yet needs the right to create it. */
const KEEP = [...READ, 'create', 'patch', 'delete'];

const kept = (group: string, resources: readonly string[], allows: string): Right => ({
  group,
  resources,
  verbs: KEEP,
  allows,
});

/** In every namespace with fleets: all of them, or those that the operator is told. */
export const fleetRights: readonly Right[] = [
  {
    group: FLEET_RESOURCE.group,
    resources: [FLEET_RESOURCE.plural],
    verbs: READ,
    allows: 'read what fleets should be',
  },
  {
    group: FLEET_RESOURCE.group,
    resources: [`${FLEET_RESOURCE.plural}/status`],
    verbs: ['patch'],
    allows: 'write what fleets are',
  },
  kept('', ['services', 'serviceaccounts', 'configmaps'], 'keep a fleet’s Services, identity and rules for others'),
  kept('apps', ['deployments'], 'keep its Deployment'),
  kept('autoscaling', ['horizontalpodautoscalers'], 'keep its autoscaler'),
  kept('policy', ['poddisruptionbudgets'], 'keep its PodDisruptionBudget'),
  kept('networking.k8s.io', ['networkpolicies', 'ingresses'], 'keep its NetworkPolicy and Ingress'),
  kept('gateway.networking.k8s.io', ['httproutes'], 'keep its HTTPRoute, where there is a Gateway API'),
  kept('keda.sh', ['scaledobjects'], 'keep its ScaledObject, where there is KEDA'),
  {
    group: '',
    resources: ['pods'],
    verbs: [...READ, 'patch'],
    allows: 'find the pods to ask for their connections, and write which one a scale-down takes first',
  },
  {
    group: 'events.k8s.io',
    resources: ['events'],
    verbs: ['create'],
    allows: 'tell what was changed',
  },
];

/** In the operator's own namespace. */
export const ownRights: readonly Right[] = [
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: ['create'], allows: 'run for leader' },
  {
    group: 'coordination.k8s.io',
    resources: ['leases'],
    names: [OPERATOR_NAME],
    verbs: ['get', 'update'],
    allows: 'be the leader, and make way',
  },
  {
    group: '',
    resources: ['secrets'],
    names: [CERTIFICATES_SECRET],
    verbs: [...READ, 'create', 'update', 'patch'],
    allows: 'keep the certificates of the metrics API; no other Secret',
  },
  {
    group: 'discovery.k8s.io',
    resources: ['endpointslices'],
    verbs: ['list'],
    allows: 'see which replicas of the operator are Ready',
  },
];

/** In no namespace. */
export const clusterRights: readonly Right[] = [
  {
    group: 'apiregistration.k8s.io',
    resources: ['apiservices'],
    names: API_SERVICES,
    verbs: ['get', 'create', 'patch'],
    allows: 'register the metrics API; no other API',
  },
  {
    group: 'authorization.k8s.io',
    resources: ['subjectaccessreviews'],
    verbs: ['create'],
    allows: 'ask whether whoever asks for a metric may',
  },
  {
    group: 'rbac.authorization.k8s.io',
    resources: ['clusterroles'],
    names: [OPERATOR_NAME],
    verbs: ['get'],
    allows: 'name this role as the owner of the API services, so that they go when it goes',
  },
];

/** A right as RBAC has it. */
export function policyRule({ group, resources, names, verbs }: Right): V1PolicyRule {
  return {
    apiGroups: [group],
    resources: [...resources],
    ...(names === undefined ? {} : { resourceNames: [...names] }),
    verbs: [...verbs],
  };
}
