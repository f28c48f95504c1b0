import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1Role,
  V1RoleBinding,
  V1RoleRef,
} from '@kubernetes/client-node';
import type { KubernetesObject, Named } from '../kubernetes-object.ts';
import { OPERATOR_LABELS, OPERATOR_NAME } from './names.ts';
import { clusterRights, fleetRights, ownRights, policyRule, type Right } from './rights.ts';

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;

/** The rights over fleets, apart from the others: they are cluster-wide, or repeated in each namespace. */
const FLEETS_ROLE = `${OPERATOR_NAME}-fleets`;

/** Kubernetes' own role for whoever serves an API: to read by which certificate its proxy proves who it is. */
const AUTHENTICATION_READER = { name: 'extension-apiserver-authentication-reader', namespace: 'kube-system' };

/** What the operator may do, and no more: over fleets everywhere or in the given namespaces only. */
export function roles(namespace: string, namespaces: readonly string[] | undefined): KubernetesObject[] {
  const subject: RbacV1Subject = { kind: 'ServiceAccount', name: OPERATOR_NAME, namespace };
  return [
    clusterRole(OPERATOR_NAME, clusterRights),
    clusterRoleBinding(OPERATOR_NAME, subject),
    role(OPERATOR_NAME, namespace, ownRights),
    roleBinding(OPERATOR_NAME, namespace, OPERATOR_NAME, subject),
    roleBinding(OPERATOR_NAME, AUTHENTICATION_READER.namespace, AUTHENTICATION_READER.name, subject),
    ...(namespaces === undefined
      ? [clusterRole(FLEETS_ROLE, fleetRights), clusterRoleBinding(FLEETS_ROLE, subject)]
      : namespaces.flatMap((fleets) => [
          role(FLEETS_ROLE, fleets, fleetRights),
          roleBinding(FLEETS_ROLE, fleets, FLEETS_ROLE, subject),
        ])),
  ];
}

const labels = { ...OPERATOR_LABELS };
const reference = (kind: 'Role' | 'ClusterRole', name: string): V1RoleRef => ({ apiGroup: GROUP, kind, name });

function clusterRole(name: string, rights: readonly Right[]): Named<V1ClusterRole> {
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: { name, labels }, rules: rights.map(policyRule) };
}

function clusterRoleBinding(name: string, subject: RbacV1Subject): Named<V1ClusterRoleBinding> {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels },
    roleRef: reference('ClusterRole', name),
    subjects: [subject],
  };
}

function role(name: string, namespace: string, rights: readonly Right[]): Named<V1Role> {
  return {
    apiVersion: API_VERSION,
    kind: 'Role',
    metadata: { name, namespace, labels },
    rules: rights.map(policyRule),
  };
}

function roleBinding(name: string, namespace: string, of: string, subject: RbacV1Subject): Named<V1RoleBinding> {
  return {
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: { name, namespace, labels },
    roleRef: reference('Role', of),
    subjects: [subject],
  };
}
