import { clusterRights, fleetRights, ownRights, type Right } from '../charts/operator/rights.ts';

/** docs/operator-rights.md, made of the rules that are installed. `vitest -u test/charts/operator` writes it. */
export function rightsDocument(): string {
  return [
    '# What the operator may do',
    '',
    'Two replicas run as the ServiceAccount `berth-operator` with these rights and no others: none to read Secrets but its',
    'own, none to run a command in a pod, none to give rights to anybody.',
    '',
    'Whoever may make a Deployment can still, through a pod of it, use every Secret and every ServiceAccount of that',
    'namespace. So can the operator where it keeps fleets, and so can whoever may write an `MCPFleet` there. They also get,',
    'whether they may make such objects themselves or not: Services of any type, an Ingress or HTTPRoute for any host, each',
    'with any annotation, annotations of the ServiceAccount (which some clouds take for a role), any priority class, and pods',
    'without a NetworkPolicy. Give the right to write an `MCPFleet` to whom you would give these.',
    '',
    '## In every namespace with fleets',
    '',
    'Cluster-wide as installed by default; with `berth synth operator --namespaces a,b` only there, by a Role in each.',
    '',
    ...table(fleetRights),
    '',
    '## In its own namespace',
    '',
    ...table(ownRights),
    '',
    '## In no namespace',
    '',
    ...table(clusterRights),
    '',
    'In `kube-system` it is bound to Kubernetes’ own Role `extension-apiserver-authentication-reader`: to read the certificate',
    'by which the API server’s proxy proves who it is when it passes a request for metrics on.',
    '',
  ].join('\n');
}

function table(rights: readonly Right[]): string[] {
  return ['| on | it may | which lets it |', '|---|---|---|', ...rights.map(row)];
}

function row({ group, resources, names, verbs, allows }: Right): string {
  const what = resources.map((resource) => `\`${group === '' ? resource : `${resource}.${group}`}\``).join(', ');
  const which = names === undefined ? '' : ` ${names.map((name) => `\`${name}\``).join(', ')}`;
  return `| ${what}${which} | ${verbs.join(', ')} | ${allows} |`;
}
