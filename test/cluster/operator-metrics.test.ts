import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { connect } from '../../src/kube/connect.ts';
import type { KubeApi } from '../../src/kube/kube-api.ts';
import { askAs, clientCertificate } from './aggregator.ts';
import { AutoscalerWatch } from './autoscaler.ts';
import { pki, restart } from './booted.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { LabCrowd } from './lab-crowd.ts';
import { ask, GROUP, metricValue } from './metrics-api.ts';
import { OperatorUnderTest } from './operator.ts';

const NAMESPACE = 'berth-metrics';
const CAP = 20;
const HELD = 18;
const DEMAND = `v1beta2/namespaces/${NAMESPACE}/mcpfleets.berth.dev/fleet/mcp_demand`;
/** What the autoscaler may take to work again after anything. */
const RECOVERY_MS = 60_000;

let operator: OperatorUnderTest;
let api: KubeApi;
let fleet: FleetUnderTest;
let crowd: LabCrowd;
let watch: AutoscalerWatch;

beforeAll(async () => {
  operator = await OperatorUnderTest.install();
  api = await connect({});
  fleet = await FleetUnderTest.asResource(NAMESPACE, {
    server: { maxConnections: CAP, drainDelay: '2s', drainWindow: '3s', longestCall: '10s', parkAfter: '10m' },
    service: { sessionAffinity: 'None' },
    // Whoever tells too low a number would be obeyed at once.
    autoscaling: { enabled: true, maxReplicas: 4, behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } },
  });
  crowd = new LabCrowd(fleet);
  watch = new AutoscalerWatch(api, fleet);
  await crowd.grow(HELD);
  await eventually('two pods', 60_000, async () => (watch.desired === 2 ? true : undefined));
  await fleet.spreads(2, 60_000);
  await eventually('what both pods say', 10_000, async () => {
    const { body } = await ask(`v1beta2/namespaces/${NAMESPACE}/pods/*/mcp_active_connections`);
    return (body as { readonly items: readonly object[] } | undefined)?.items.length === 2 ? true : undefined;
  });
});

afterAll(async () => {
  await watch?.stop();
  const { details, ...tally } = (await crowd?.leave()) ?? { details: [] };
  console.info(JSON.stringify(tally), details);
  await fleet?.remove();
  await operator?.uninstall();
});

const lastWords = () => onTestFailed(async () => console.error(await fleet.lastWords(), await operator.lastWords()));

describe('the answers have the shapes that Kubernetes expects', () => {
  const selector = encodeURIComponent('app.kubernetes.io/instance in (fleet,other),!absent');
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const pod = { kind: 'Pod', namespace: NAMESPACE, name: expect.stringMatching(/^fleet-/), apiVersion: '/v1' };
  const value = expect.stringMatching(/^\d+m?$/);

  test.for(['*', '%2A'])('pods %s, in both versions', async (star) => {
    const path = `namespaces/${NAMESPACE}/pods/${star}/mcp_active_connections?labelSelector=${selector}&metricLabelSelector=`;
    const newer = {
      describedObject: pod,
      metric: { name: 'mcp_active_connections', selector: null },
      timestamp: time,
      windowSeconds: 0,
      value,
    };
    expect((await ask(`v1beta2/${path}`)).body).toStrictEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      metadata: {},
      items: [newer, newer],
    });
    const older = {
      describedObject: pod,
      metricName: 'mcp_active_connections',
      timestamp: time,
      window: 0,
      value,
      selector: null,
    };
    expect((await ask(`v1beta1/${path}`)).body).toStrictEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta1',
      metadata: {},
      items: [older, older],
    });
  });

  test('one pod by its name', async () => {
    const [first] = await fleet.pods();
    const { body } = await ask(`v1beta2/namespaces/${NAMESPACE}/pods/${first?.metadata.name}/mcp_active_connections`);
    expect(body).toMatchObject({ items: [{ describedObject: { name: first?.metadata.name } }] });
  });

  test.for([
    ['mcpfleets.berth.dev', { kind: 'MCPFleet', apiVersion: 'berth.dev/v1alpha1' }],
    ['services', { kind: 'Service', apiVersion: '/v1' }],
  ] as const)('an object of %s', async ([resource, described]) => {
    const path = `namespaces/${NAMESPACE}/${resource}/fleet/mcp_demand`;
    expect((await ask(`v1beta2/${path}`)).body).toStrictEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      metadata: {},
      items: [
        {
          describedObject: { namespace: NAMESPACE, name: 'fleet', ...described },
          metric: { name: 'mcp_demand', selector: null },
          timestamp: time,
          windowSeconds: 0,
          value: String(HELD),
        },
      ],
    });
    expect(await metricValue(`v1beta2/${path}?metricLabelSelector=${encodeURIComponent('buffer=5,target=14')}`)).toBe(
      HELD + 5,
    );
  });

  test.for([
    ['an unknown metric', `namespaces/${NAMESPACE}/pods/*/other`, 'could not find the metric other for pods'],
    [
      'an unknown fleet',
      `namespaces/${NAMESPACE}/mcpfleets.berth.dev/none/mcp_demand`,
      'could not find the metric mcp_demand for mcpfleets',
    ],
    ['a namespace', `namespaces/${NAMESPACE}/metrics/mcp_demand`, 'could not find'],
    ['an object of the cluster', 'nodes/node-1/mcp_demand', 'could not find'],
    [
      'a selector that is none',
      `namespaces/${NAMESPACE}/pods/*/mcp_active_connections?labelSelector=a%3D%3D%3D`,
      'BadRequest',
    ],
  ])('%s is refused', async ([, path, error]) => {
    expect((await ask(`v1beta2/${path}`)).error).toContain(error);
  });

  test('pods that are none, and the lists of what there is', async () => {
    const none = `v1beta2/namespaces/${NAMESPACE}/pods/*/mcp_active_connections?labelSelector=a%3Db`;
    expect((await ask(none)).body).toMatchObject({ items: [] });
    for (const version of ['v1beta1', 'v1beta2']) {
      expect((await ask(version)).body).toMatchObject({
        kind: 'APIResourceList',
        groupVersion: `custom.metrics.k8s.io/${version}`,
        resources: expect.arrayContaining([
          {
            name: 'pods/mcp_active_connections',
            singularName: '',
            namespaced: true,
            kind: 'MetricValueList',
            verbs: ['get'],
          },
        ]),
      });
    }
  });

  test('the autoscaler reads the same number', async () => {
    lastWords();
    await seesTheLoad();
  });
});

/** Waits until the autoscaler shows what the sessions hold now. */
async function seesTheLoad(milliseconds = RECOVERY_MS): Promise<void> {
  await eventually(`an autoscaler that sees ${crowd.size} sessions`, milliseconds, async () => {
    const seen = (await watch.currentAverage()) ?? 0;
    const pods = watch.replicas.at(-1) ?? 0;
    return watch.active === 'True ValidMetricFound' && Math.abs(seen * pods - crowd.size) < 0.1 ? true : undefined;
  });
}

describe.skipIf(pki === undefined)('whoever is not the aggregator, or may not, is refused', () => {
  const path = `${GROUP}/v1beta2/namespaces/${NAMESPACE}/pods/*/mcp_active_connections`;
  const forged = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
  const folder = pki ?? '';

  test('without a certificate', async () => {
    expect(await askAs(path, {}, forged)).toMatchObject({
      status: 401,
      body: { kind: 'Status', reason: 'Unauthorized' },
    });
  });

  test('with a certificate of the cluster’s clients and forged headers', async () => {
    const [cert, key] = await Promise.all(['crt', 'key'].map((end) => readFile(`${folder}/admin.${end}`)));
    expect(await askAs(path, { cert, key }, forged)).toMatchObject({ status: 401, body: { reason: 'Unauthorized' } });
  });

  test('with a certificate of the right authority and a wrong name', async () => {
    expect(await askAs(path, await clientCertificate(folder, 'somebody'), forged)).toMatchObject({ status: 401 });
  });

  test('for a user without rights', async () => {
    const proxy = await clientCertificate(folder, 'front-proxy-client');
    const alice = { 'x-remote-user': 'alice', 'x-remote-group': 'system:authenticated' };
    expect(await askAs(path, proxy, alice)).toMatchObject({
      status: 403,
      body: {
        kind: 'Status',
        reason: 'Forbidden',
        message: expect.stringContaining('User "alice" cannot get resource "pods/mcp_active_connections"'),
      },
    });
    const autoscaler = { 'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler' };
    expect(await askAs(path, proxy, autoscaler)).toMatchObject({ status: 200, body: { kind: 'MetricValueList' } });
  });
});

describe.skipIf(pki === undefined)('the autoscaler works again within a minute, and nothing shrinks meanwhile', () => {
  const disturbances: Readonly<Record<string, () => Promise<unknown>>> = {
    'kube-controller-manager restarted': () => restart('kube-controller-manager'),
    'the leader killed': async () =>
      operator.kubectl('delete', 'pod', await operator.leader(), '--grace-period=0', '--force'),
    'both replicas restarted': async () => {
      await operator.kubectl('delete', 'pods', '-l', 'app.kubernetes.io/name=berth-operator', '--wait=false');
    },
    'kube-apiserver restarted': () => restart('kube-apiserver'),
  };

  test.for(Object.entries(disturbances))('%s', async ([, disturb]) => {
    lastWords();
    await seesTheLoad();
    const before = watch.replicas.length;
    await disturb();
    const since = Date.now();
    // A number that the autoscaler cannot have seen before.
    await crowd.grow(1);
    await seesTheLoad();
    console.info(`recovered after ${Date.now() - since} ms`);
    expect(watch.replicas.slice(before)).toEqual([]);
    await operator.serving();
  });
});

test('the demand is there for everybody who may read it', async () => {
  expect(await metricValue(`${DEMAND}?metricLabelSelector=target%3D14`)).toBe(crowd.size);
});
