import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { manifestYaml } from '../../../charts/manifest-yaml.ts';
import type { OperatorOptions } from '../../../charts/operator/operator-options.ts';
import { renderOperator } from '../../../charts/operator/render-operator.ts';
import { rightsDocument } from '../../../scripts/rights-document.ts';
import { type Found, parseManifest } from '../rendered.ts';

const objects = (options: Partial<OperatorOptions> = {}): Found[] =>
  renderOperator({ image: 'localhost/berth:dev', ...options });
const find = (kind: string, options?: Partial<OperatorOptions>): Found =>
  objects(options).find((object) => object.kind === kind);
const identities = (all: Found[]) =>
  all.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'} ${metadata.name}`);

test('manifests/operator.yaml is what installs the operator', async () => {
  await expect(manifestYaml(objects())).toMatchFileSnapshot('../../../manifests/operator.yaml');
  const written = parseManifest(readFileSync('manifests/operator.yaml', 'utf8'));
  expect(written).toEqual(objects());
  expect(identities(written)).toEqual([
    'Namespace - berth-system',
    'ServiceAccount berth-system berth-operator',
    'ClusterRole - berth-operator',
    'ClusterRoleBinding - berth-operator',
    'Role berth-system berth-operator',
    'RoleBinding berth-system berth-operator',
    'RoleBinding kube-system berth-operator',
    'ClusterRole - berth-operator-fleets',
    'ClusterRoleBinding - berth-operator-fleets',
    'NetworkPolicy berth-system berth-operator',
    'Service berth-system berth-operator',
    'Deployment berth-system berth-operator',
    'PodDisruptionBudget berth-system berth-operator',
  ]);
});

test('no custom resource definition is among them: removing the operator must not remove fleets', () => {
  expect(objects().map(({ kind }) => kind)).not.toContain('CustomResourceDefinition');
});

describe('rights', () => {
  const rules = (all: Found[]): Found[] => all.flatMap((object) => object.rules ?? []);

  test('are documented, each rule', async () => {
    await expect(rightsDocument()).toMatchFileSnapshot('../../../docs/operator-rights.md');
    for (const { resources, verbs } of rules(objects())) {
      const row = rightsDocument()
        .split('\n')
        .find(
          (line) => resources.every((name: string) => line.includes(`\`${name}`)) && line.includes(verbs.join(', ')),
        );
      expect(row, resources.join()).toBeDefined();
    }
  });

  test('hold no wildcard, no escalation, and of Secrets only the operator’s own', () => {
    const all = rules(objects());
    const given = new Set(all.flatMap(({ verbs, resources, apiGroups }) => [...verbs, ...resources, ...apiGroups]));
    for (const word of ['*', 'escalate', 'bind', 'impersonate', 'roles', 'rolebindings', 'pods/exec']) {
      expect(given).not.toContain(word);
    }
    expect(all.filter(({ resources }) => resources.includes('secrets'))).toEqual([
      expect.objectContaining({ resourceNames: ['berth-operator-tls'] }),
    ]);
    const secrets = objects().find((object) => object.rules?.some((rule: Found) => rule.resources.includes('secrets')));
    expect(secrets.kind).toBe('Role');
  });

  test('reach API services and cluster roles by name only', () => {
    const named = (resource: string) =>
      rules(objects())
        .filter(({ resources }) => resources.includes(resource))
        .map(({ resourceNames }) => resourceNames);
    expect(named('apiservices')).toEqual([['v1beta1.custom.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io']]);
    expect(named('clusterroles')).toEqual([['berth-operator']]);
  });

  test('are those of Roles in the given namespaces, the same as cluster-wide ones otherwise', () => {
    const options = { namespace: 'ops', namespaces: ['a', 'ops'] };
    const some = objects(options);
    expect(identities(some).filter((identity) => identity.endsWith('-fleets'))).toEqual([
      'Role a berth-operator-fleets',
      'RoleBinding a berth-operator-fleets',
      'Role ops berth-operator-fleets',
      'RoleBinding ops berth-operator-fleets',
    ]);
    const fleets = (all: Found[]) =>
      all.find((object) => object.rules && object.metadata.name.endsWith('-fleets')).rules;
    expect(fleets(some)).toEqual(fleets(objects()));
    expect(new Set(identities(some)).size).toBe(some.length);
    expect(find('Deployment', options).spec.template.spec.containers[0].args).toEqual([
      'operator',
      '--namespaces=a,ops',
    ]);
  });

  test('are given to the one ServiceAccount that the pods run as', () => {
    const subjects = objects({ namespace: 'ops' }).flatMap((object) => object.subjects ?? []);
    expect(new Set(subjects.map((subject: Found) => JSON.stringify(subject)))).toEqual(
      new Set([JSON.stringify({ kind: 'ServiceAccount', name: 'berth-operator', namespace: 'ops' })]),
    );
    expect(find('Deployment').spec.template.spec.serviceAccountName).toBe('berth-operator');
  });
});

test('two pods run under Pod Security "restricted", which the namespace enforces', () => {
  expect(find('Namespace').metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
  const { replicas, template } = find('Deployment').spec;
  expect(replicas).toBe(2);
  expect(template.spec.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  expect(template.spec.containers[0].securityContext).toEqual({
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  });
});

test('the Service leads port 443 to the metrics API, and the NetworkPolicy opens nothing else', () => {
  const { ports } = find('Deployment').spec.template.spec.containers[0];
  expect(find('Service').spec.ports).toEqual([
    { name: 'metrics-api', port: 443, targetPort: 'metrics-api', protocol: 'TCP' },
  ]);
  expect(ports).toContainEqual({ name: 'metrics-api', containerPort: 8443, protocol: 'TCP' });
  expect(find('NetworkPolicy').spec.ingress).toEqual([{ ports: [{ protocol: 'TCP', port: 8443 }] }]);
});

test('Service, NetworkPolicy, PodDisruptionBudget and Deployment mean the same pods', () => {
  const { labels } = find('Deployment').spec.template.metadata;
  expect(find('Deployment').spec.selector.matchLabels).toEqual(labels);
  expect(find('Service').spec.selector).toEqual(labels);
  expect(find('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
  expect(find('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
});

test('image and replicas are those that are asked for', () => {
  const { spec } = find('Deployment', { image: 'registry.example.com/berth@sha256:1', replicas: 3 });
  expect(spec.replicas).toBe(3);
  expect(spec.template.spec.containers[0].image).toBe('registry.example.com/berth@sha256:1');
});
