import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Deployment } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { connect } from '../../src/kube/connect.ts';
import { acceptedSpecs, refusedSpecs } from '../charts/operator/refused-specs.ts';
import { AutoscalerWatch } from './autoscaler.ts';
import { kubectl, kubectlJson, run } from './command.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { ask, metricValue } from './metrics-api.ts';
import { OperatorUnderTest } from './operator.ts';

const SERVER = { maxConnections: 20, drainDelay: '1s', drainWindow: '1s', longestCall: '5s' };
/** More than the operator takes to look at every fleet again. */
const SETTLED_MS = 12_000;

let operator: OperatorUnderTest;
const fleets: FleetUnderTest[] = [];

beforeAll(async () => {
  operator = await OperatorUnderTest.install();
});

afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.remove();
});

afterAll(async () => {
  await operator?.uninstall();
});

async function fleetIn(namespace: string, spec: Readonly<Record<string, unknown>> = {}): Promise<FleetUnderTest> {
  const fleet = await FleetUnderTest.asResource(namespace, { server: SERVER, ...spec });
  fleets.push(fleet);
  onTestFailed(async () => console.error(await fleet.lastWords(), await operator.lastWords()));
  return fleet;
}

const deploymentOf = (fleet: FleetUnderTest) => fleet.get<V1Deployment>('deployment', fleet.name);
const patch = (fleet: FleetUnderTest, spec: object) =>
  fleet.kubectl('patch', 'mcpfleet', fleet.name, '--type=merge', '-p', JSON.stringify({ spec }));

async function condition(fleet: FleetUnderTest, type: string): Promise<string> {
  const { status } = await fleet.get<{
    readonly status?: {
      readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
    };
  }>('mcpfleet', fleet.name);
  const found = status?.conditions.find((one) => one.type === type);
  return `${found?.status} ${found?.reason}: ${found?.message}`;
}

describe('a fleet and those who change things beside the operator', () => {
  test('what it applies is put back, what others add stays, what was deleted comes back', async () => {
    const fleet = await fleetIn('berth-fights');
    await fleet.kubectl('annotate', 'deployment', fleet.name, 'example.com/mine=yes');
    await fleet.kubectl('set', 'env', `deployment/${fleet.name}`, 'MINE=yes');
    await fleet.kubectl('patch', 'service', fleet.name, '--type=merge', '-p', '{"spec":{"sessionAffinity":"None"}}');
    await fleet.kubectl('delete', 'poddisruptionbudget', fleet.name);
    await eventually('everything back', 20_000, async () => {
      const service = await fleet.get<{ readonly spec: { readonly sessionAffinity: string } }>('service', fleet.name);
      const budget = await fleet.kubectl('get', 'pdb', '--ignore-not-found', '-o', 'name', fleet.name);
      return service.spec.sessionAffinity === 'ClientIP' && budget.stdout !== '' ? true : undefined;
    });
    await sleep(SETTLED_MS);
    const { metadata, spec } = await deploymentOf(fleet);
    expect(metadata?.annotations?.['example.com/mine']).toBe('yes');
    expect(spec?.template.spec?.containers[0]?.env).toContainEqual({ name: 'MINE', value: 'yes' });
    // Nobody writes for ever.
    await sleep(SETTLED_MS);
    expect((await deploymentOf(fleet)).metadata?.generation).toBe(metadata?.generation);
  });

  test('the number of pods is whose it should be', async () => {
    const fleet = await fleetIn('berth-replicas', { replicas: 1 });
    await fleet.kubectl('scale', 'mcpfleet', fleet.name, '--replicas=2');
    await eventually('two replicas', 20_000, async () =>
      (await deploymentOf(fleet)).spec?.replicas === 2 ? true : undefined,
    );
    await fleet.kubectl('scale', 'deployment', fleet.name, '--replicas=3');
    await eventually('two replicas again', 20_000, async () =>
      (await deploymentOf(fleet)).spec?.replicas === 2 ? true : undefined,
    );
    await fleet.kubectl(
      'patch',
      'mcpfleet',
      fleet.name,
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/replicas"}]',
    );
    await fleet.kubectl('scale', 'deployment', fleet.name, '--replicas=3');
    await sleep(SETTLED_MS);
    expect((await deploymentOf(fleet)).spec?.replicas, 'left to whoever scales it').toBe(3);
    const shown = (await fleet.kubectl('get', 'mcpfleets')).stdout;
    console.info(shown);
    expect(shown).toMatch(/NAME\s+READY/);
  });

  test('a spec that can not be keeps what was good, and says why', async () => {
    const fleet = await fleetIn('berth-invalid');
    const before = await deploymentOf(fleet);
    // What the API server cannot know of.
    await patch(fleet, { server: { volumeMounts: [{ name: 'none', mountPath: '/data' }] }, image: { tag: 'other' } });
    await eventually('a degraded fleet', 20_000, async () =>
      (await condition(fleet, 'Degraded')).startsWith('True InvalidSpec') ? true : undefined,
    );
    expect(await condition(fleet, 'Degraded')).toContain('is none, but server.volumes has no volume of that name');
    expect((await deploymentOf(fleet)).spec?.template).toEqual(before.spec?.template);
    expect(await condition(fleet, 'Available')).toMatch(/^True/);
  });

  test('two fleets of one name are two', async () => {
    const one = await fleetIn('berth-one');
    const two = await fleetIn('berth-two', { replicas: 2 });
    await two.rolledOut(60);
    expect((await deploymentOf(one)).spec?.replicas).toBe(1);
    await one.kubectl('delete', 'mcpfleet', one.name);
    await eventually('the end of the first', 40_000, async () => ((await one.pods()).length === 0 ? true : undefined));
    expect(await two.pods()).toHaveLength(2);
  });

  test('what plain manifests have made is taken over, and no pod is missing for it', async () => {
    const plain = await FleetUnderTest.ofLab('berth-takeover', 'parkable', {
      server: SERVER,
      replicas: 2,
      podAnnotations: { 'example.com/old': 'yes' },
    });
    fleets.push(plain);
    const seen = new AutoscalerWatch(await connect({}), plain);
    const fleet = await fleetIn('berth-takeover', { server: SERVER, service: { port: 8080 } });
    await eventually('the resource’s own template', 30_000, async () => {
      const { spec } = await deploymentOf(fleet);
      return spec?.template.metadata?.annotations?.['example.com/old'] === undefined ? true : undefined;
    });
    await fleet.rolledOut(60);
    const service = await fleet.get<{ readonly spec: { readonly ports: readonly object[] } }>('service', fleet.name);
    expect(service.spec.ports).toMatchObject([{ port: 8080 }]);
    await seen.stop();
    expect(seen.replicas).toEqual([2]);
    expect(await condition(fleet, 'Degraded')).toMatch(/^False/);
  });

  test('a kind that the cluster lacks is told, and everything else is made', async () => {
    const fleet = await fleetIn('berth-kinds', {
      httpRoute: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['a.example.com'] },
    });
    await eventually('the condition', 20_000, async () =>
      (await condition(fleet, 'Degraded')).startsWith('True KindMissing: The cluster has no HTTPRoute')
        ? true
        : undefined,
    );
    expect(await condition(fleet, 'Available')).toMatch(/^True/);
  });
});

describe('the API server refuses what can not be', () => {
  const resource = (spec: object) => ({
    apiVersion: 'berth.dev/v1alpha1',
    kind: 'MCPFleet',
    metadata: { name: 'tried', namespace: 'default' },
    spec,
  });
  const tryOut = (spec: object) =>
    run('kubectl', ['apply', '--dry-run=server', '-f', '-'], { input: JSON.stringify(resource(spec)) });

  test('each rule in its own words', async () => {
    for (const [path, sentence, spec] of refusedSpecs) {
      const { code, stderr } = await tryOut(spec);
      expect({ path, code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(sentence) });
    }
  });

  test('and takes what can be', async () => {
    for (const spec of acceptedSpecs) expect(await tryOut(spec)).toMatchObject({ code: 0 });
  });
});

describe('coming and going', () => {
  interface ApiService {
    readonly metadata: { readonly uid: string; readonly resourceVersion: string };
    readonly spec: { readonly service?: { readonly name: string } };
  }
  const NEWER = 'v1beta2.custom.metrics.k8s.io';
  const apiServices = async () =>
    (await run('kubectl', ['get', 'apiservices', '-o', 'name'])).stdout
      .split('\n')
      .filter((name) => name.includes('custom.metrics'));

  test('without the operator the fleets go on, nothing points at nothing, and it takes over again', async () => {
    const fleet = await fleetIn('berth-orphans');
    const before = (await fleet.pods()).map(({ metadata }) => metadata.uid);
    await operator.uninstall();
    await eventually('no APIService', 20_000, async () => ((await apiServices()).length === 0 ? true : undefined));
    await kubectl(['create', 'namespace', 'berth-passing']);
    await kubectl(['delete', 'namespace', 'berth-passing', '--timeout=30s']);
    expect((await fleet.pods()).map(({ metadata }) => metadata.uid)).toEqual(before);
    expect((await fleet.kubectl('get', 'mcpfleet', fleet.name, '-o', 'name')).stdout).toContain('fleet');
    await operator.apply();
    await operator.serving();
    await patch(fleet, { replicas: 2 });
    await eventually('two replicas', 30_000, async () =>
      (await deploymentOf(fleet)).spec?.replicas === 2 ? true : undefined,
    );
    expect((await fleet.pods()).map(({ metadata }) => metadata.uid)).toEqual(expect.arrayContaining(before));
  });

  test('the metrics API of somebody else is left alone, and the fleet says what to do', async () => {
    const fleet = await fleetIn('berth-foreign');
    await operator.uninstall();
    await eventually('no APIService', 20_000, async () => ((await apiServices()).length === 0 ? true : undefined));
    const foreign = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: NEWER },
      spec: {
        group: 'custom.metrics.k8s.io',
        version: 'v1beta2',
        groupPriorityMinimum: 100,
        versionPriority: 200,
        insecureSkipTLSVerify: true,
        service: { namespace: 'default', name: 'somebodys-adapter' },
      },
    };
    await kubectl(['apply', '-f', '-'], JSON.stringify(foreign));
    const made = await kubectlJson<ApiService>('get', 'apiservice', NEWER);
    await operator.apply();
    await eventually('the condition', 60_000, async () =>
      (await condition(fleet, 'MetricsAvailable')).startsWith('False Foreign') ? true : undefined,
    );
    expect(await condition(fleet, 'MetricsAvailable')).toMatch(/somebodys-adapter.*keda.*prometheus-adapter/);
    const now = await kubectlJson<ApiService>('get', 'apiservice', NEWER);
    expect(now.metadata.uid).toBe(made.metadata.uid);
    expect(now.spec).toEqual(made.spec);
    expect(await apiServices()).toEqual([`apiservice.apiregistration.k8s.io/${NEWER}`]);
    await kubectl(['delete', 'apiservice', NEWER]);
    await operator.serving();
    await eventually('the condition', 30_000, async () =>
      (await condition(fleet, 'MetricsAvailable')).startsWith('True Registered') ? true : undefined,
    );
    expect((await ask('v1beta2')).body).toMatchObject({ kind: 'APIResourceList' });
  });
});

test('an operator of some namespaces looks after those, and has no rights in others', async () => {
  const theirs = await fleetIn('berth-theirs');
  const mine = await fleetIn('berth-mine');
  await operator.uninstall();
  operator = await OperatorUnderTest.install('--namespaces', mine.namespace);
  for (const fleet of [theirs, mine]) await patch(fleet, { replicas: 2 });
  await eventually('two replicas', 30_000, async () =>
    (await deploymentOf(mine)).spec?.replicas === 2 ? true : undefined,
  );
  await eventually('a number', 30_000, async () =>
    (await metricValue(`v1beta2/namespaces/${mine.namespace}/mcpfleets.berth.dev/fleet/mcp_demand`)) === 0
      ? true
      : undefined,
  );
  expect((await ask(`v1beta2/namespaces/${theirs.namespace}/mcpfleets.berth.dev/fleet/mcp_demand`)).error).toContain(
    'NotFound',
  );
  expect((await deploymentOf(theirs)).spec?.replicas).toBe(1);
  const account = 'system:serviceaccount:berth-system:berth-operator';
  const may = async (namespace: string) =>
    (await run('kubectl', ['auth', 'can-i', 'patch', 'deployments', '-n', namespace, '--as', account])).stdout.trim();
  expect([await may(mine.namespace), await may(theirs.namespace)]).toEqual(['yes', 'no']);
});
