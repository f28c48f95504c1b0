import type { V1ServiceAccount } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata, serviceAccountName } from './names.ts';

/** An identity of the fleet's own, without rights and without a token that anybody could mount by chance. */
export function serviceAccount(values: Values): Named<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(values, serviceAccountName(values), values.serviceAccount.annotations),
    automountServiceAccountToken: false,
  };
}
