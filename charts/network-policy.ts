import type {
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1NetworkPolicySpec,
} from '@kubernetes/client-node';
import { usesTokens } from '../src/values/pod-identity.ts';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata, selectorLabels } from './names.ts';
import { OPERATOR_LABELS } from './operator/names.ts';
import { containerPorts } from './ports.ts';
import { isAskedByOperator, type RenderOptions, renderDefaults } from './render-options.ts';

const DNS_PORT = 53;
/** The port of the API server's Service, and the usual one behind it, which is what most networks' policies see. */
const API_SERVER_PORTS = [443, 6443];
/** The label that Kubernetes itself puts on every namespace. */
const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** client-node's own type calls the field `_from`, which it renames when it sends; what is written must be `from`. */
interface IngressRule {
  readonly ports: readonly V1NetworkPolicyPort[];
  readonly from?: readonly V1NetworkPolicyPeer[];
}
type Spec = Omit<V1NetworkPolicySpec, 'ingress'> & { readonly ingress: readonly IngressRule[] };
type Policy = Omit<V1NetworkPolicy, 'spec'> & { readonly spec: Spec };

/** Who may reach the pods; whom the pods may reach is left open unless the values say. */
export function networkPolicy(values: Values, options: RenderOptions = {}): Named<Policy> {
  const egress = values.networkPolicy.egress;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(values),
    spec: {
      podSelector: { matchLabels: selectorLabels(values) },
      policyTypes: egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'],
      ingress: ingressRules(values, options),
      ...(egress === undefined ? {} : { egress: [...egressRules(values), ...egress] }),
    },
  };
}

/** MCP from the clients, the peer port from the fleet's own pods, the admin port from where it is scraped. */
function ingressRules(values: Values, options: RenderOptions): IngressRule[] {
  const ports = containerPorts(values);
  const { clients } = values.networkPolicy;
  const scrapers = adminPeers(values, options);
  return [
    { ports: [tcp(ports.mcp)], ...(clients.length === 0 ? {} : { from: clients }) },
    { ports: [tcp(ports.peer)], from: [{ podSelector: { matchLabels: selectorLabels(values) } }] },
    // A rule without peers would allow everybody.
    ...(scrapers.length === 0 ? [] : [{ ports: [tcp(ports.admin)], from: scrapers }]),
  ];
}

/** Whole namespaces, as the values name them, and of the operator's its own pods. */
function adminPeers(values: Values, options: RenderOptions): V1NetworkPolicyPeer[] {
  const { describedBy, operatorNamespace } = { ...renderDefaults, ...options };
  const operator = { ...namespacePeer(operatorNamespace), podSelector: { matchLabels: { ...OPERATOR_LABELS } } };
  const asked = isAskedByOperator(values, describedBy);
  return [...values.networkPolicy.adminNamespaces.map(namespacePeer), ...(asked ? [operator] : [])];
}

const namespacePeer = (name: string): V1NetworkPolicyPeer => ({
  namespaceSelector: { matchLabels: { [NAMESPACE_NAME_LABEL]: name } },
});

function egressRules(values: Values): V1NetworkPolicyEgressRule[] {
  return [
    { ports: [{ protocol: 'UDP', port: DNS_PORT }, tcp(DNS_PORT)] },
    { ports: [tcp(containerPorts(values).peer)], to: [{ podSelector: { matchLabels: selectorLabels(values) } }] },
    // The API server has the keys that tokens are checked with. It is no pod, so no selector can name it.
    ...(usesTokens(values.server) ? [{ ports: API_SERVER_PORTS.map(tcp) }] : []),
  ];
}

const tcp = (port: number): V1NetworkPolicyPort => ({ protocol: 'TCP', port });
