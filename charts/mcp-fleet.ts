import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { type IServiceAccount, ServiceAccount } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import type { Values } from '../src/values/schema.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { serviceAccountName } from './names.ts';
import { render } from './render.ts';
import { serviceAccount } from './service-account.ts';

/** What a fleet is made from. */
export interface McpFleetProps {
  /** Validated values: from `defineValues` in a program, from `loadValues` for files. */
  readonly values: Values;
}

/** The objects of one fleet, for those who build charts of their own around it. */
export class McpFleet extends Construct {
  /** The identity of the pods; give it to a RoleBinding to grant them something. */
  readonly serviceAccount: ServiceAccount | IServiceAccount;
  readonly #values: Values;

  constructor(scope: Construct, id: string, { values }: McpFleetProps) {
    super(scope, id);
    this.#values = values;
    let own: ServiceAccount | undefined;
    for (const [index, object] of render(values).entries()) {
      if (isOwnServiceAccount(object, values)) own = this.#createServiceAccount();
      else new ApiObject(this, `${index}-${object.kind}`, { ...object });
    }
    this.serviceAccount = own ?? this.#existingServiceAccount();
  }

  /** The object of a kind and name, to be patched or depended on; the fleet's own name if none is given. */
  object(kind: string, name: string = this.#values.name): ApiObject {
    const found = this.node
      .findAll()
      .find((node) => node instanceof ApiObject && node.kind === kind && node.name === name);
    if (found instanceof ApiObject) return found;
    throw new Error(`The fleet ${this.#values.name} has no ${kind} ${name}`);
  }

  #createServiceAccount(): ServiceAccount {
    return new ServiceAccount(this, 'ServiceAccount', {
      metadata: { ...serviceAccount(this.#values).metadata } as ApiObjectMetadata,
      automountToken: false,
    });
  }

  #existingServiceAccount(): IServiceAccount {
    const { namespace } = this.#values;
    return ServiceAccount.fromServiceAccountName(this, 'ServiceAccount', serviceAccountName(this.#values), {
      ...(namespace === undefined ? {} : { namespaceName: namespace }),
    });
  }
}

function isOwnServiceAccount({ kind, metadata }: KubernetesObject, values: Values): boolean {
  const {
    namespace,
    serviceAccount: { create },
  } = values;
  const isIts = metadata.name === serviceAccountName(values) && metadata.namespace === namespace;
  return create && kind === 'ServiceAccount' && isIts;
}
