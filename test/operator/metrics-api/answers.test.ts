import { describe, expect, test } from 'vitest';
import { AT, HPA, type Lab, startLab } from './lab.ts';

const GROUP = '/apis/custom.metrics.k8s.io';
const BETA2 = `${GROUP}/v1beta2`;
const BETA1 = `${GROUP}/v1beta1`;

async function startFleet(): Promise<Lab> {
  const lab = await startLab();
  lab.source.podValues['mcp'] = [
    { name: 'srv-7d9-abcde', value: 37, at: AT, labels: { app: 'srv', tier: 'a' } },
    { name: 'srv-7d9-fghij', value: 12.5, at: AT - 1_000, labels: { app: 'srv' } },
    { name: 'other-1', value: 3, at: AT, labels: { app: 'other' } },
  ];
  lab.source.demands['mcp/web'] = 45;
  return lab;
}

const notFoundOf = (what: string) => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  reason: 'NotFound',
  code: 404,
  message: `the server could not find the metric ${what}`,
});

describe('pods', () => {
  test("are answered in v1beta2's shape, as the autoscaler asks for them", async () => {
    const lab = await startFleet();
    const { status, headers, json } = await lab.ask(
      `${BETA2}/namespaces/mcp/pods/%2A/mcp_active_connections?labelSelector=app%3Dsrv`,
    );
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(json).toEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      metadata: {},
      items: [
        {
          describedObject: { kind: 'Pod', namespace: 'mcp', name: 'srv-7d9-abcde', apiVersion: '/v1' },
          metric: { name: 'mcp_active_connections', selector: null },
          timestamp: '2026-11-22T09:30:00Z',
          windowSeconds: 0,
          value: '37',
        },
        {
          describedObject: { kind: 'Pod', namespace: 'mcp', name: 'srv-7d9-fghij', apiVersion: '/v1' },
          metric: { name: 'mcp_active_connections', selector: null },
          timestamp: '2026-11-22T09:29:59Z',
          windowSeconds: 0,
          value: '12500m',
        },
      ],
    });
  });

  test("are answered in v1beta1's shape", async () => {
    const lab = await startFleet();
    const { json } = await lab.ask(
      `${BETA1}/namespaces/mcp/pods/*/mcp_active_connections?labelSelector=tier&metricLabelSelector=`,
    );
    expect(json).toEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta1',
      metadata: {},
      items: [
        {
          describedObject: { kind: 'Pod', namespace: 'mcp', name: 'srv-7d9-abcde', apiVersion: '/v1' },
          metricName: 'mcp_active_connections',
          timestamp: '2026-11-22T09:30:00Z',
          window: 0,
          value: '37',
          selector: null,
        },
      ],
    });
  });

  test.for([
    ['', ['srv-7d9-abcde', 'srv-7d9-fghij', 'other-1']],
    ['?', ['srv-7d9-abcde', 'srv-7d9-fghij', 'other-1']],
    ['?labelSelector=', ['srv-7d9-abcde', 'srv-7d9-fghij', 'other-1']],
    ['?labelSelector=app%20in%20%28srv%2Cnone%29%2C%21tier', ['srv-7d9-fghij']],
    ['?labelSelector=app+notin+(srv)', ['other-1']],
    ['?labelSelector=app%3Dsrv&labelSelector=app%3Dother', ['srv-7d9-abcde', 'srv-7d9-fghij']],
    ['?labelSelector=app%3Dnone', []],
    ['?labelSelector=app=other&metricLabelSelector=!code,code!=5', ['other-1']],
  ] as const)('are selected by %s', async ([query, names]) => {
    const lab = await startFleet();
    const { json } = await lab.ask(`${BETA2}/namespaces/mcp/pods/*/mcp_active_connections${query}`);
    const { items } = json as { items: { describedObject: { name: string } }[] };
    expect(items.map((item) => item.describedObject.name)).toEqual(names);
  });

  test('of a namespace without any are an empty list', async () => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(`${BETA2}/namespaces/none/pods/*/mcp_active_connections`);
    expect([status, json]).toEqual([
      200,
      { kind: 'MetricValueList', apiVersion: 'custom.metrics.k8s.io/v1beta2', metadata: {}, items: [] },
    ]);
  });

  test('can be asked for by name', async () => {
    const lab = await startFleet();
    const { json } = await lab.ask(`${BETA2}/namespaces/mcp/pods/other-1/mcp_active_connections`);
    expect((json as { items: unknown[] }).items).toMatchObject([{ value: '3', describedObject: { name: 'other-1' } }]);
    const { status, json: missing } = await lab.ask(`${BETA2}/namespaces/mcp/pods/srv-x/mcp_active_connections`);
    expect([status, missing]).toEqual([404, notFoundOf('mcp_active_connections for pods srv-x')]);
  });

  test('have one series, without labels', async () => {
    const lab = await startFleet();
    const path = `${BETA2}/namespaces/mcp/pods/srv-x/mcp_active_connections`;
    const { status, json } = await lab.ask(`${path}?metricLabelSelector=b%20in%20%28c%29%2Ca%3Db`);
    expect([status, json]).toEqual([
      404,
      notFoundOf('mcp_active_connections for pods srv-x with selector a=b,b in (c)'),
    ]);
  });

  test('are handed to the source with the canonical text of the selector', async () => {
    const lab = await startFleet();
    await lab.ask(`${BETA2}/namespaces/mcp/pods/*/mcp_active_connections?labelSelector=tier,app%20in%20(z,%20srv)`);
    expect(lab.source.selectors).toEqual(['app in (srv,z),tier']);
  });
});

describe('demand', () => {
  test.for([
    ['mcpfleets.berth.dev', 'MCPFleet', 'berth.dev/v1alpha1'],
    ['services', 'Service', '/v1'],
  ] as const)('is that of %s', async ([resource, kind, apiVersion]) => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(
      `${BETA2}/namespaces/mcp/${resource}/web/mcp_demand?metricLabelSelector=buffer%3D20%2Ctarget%3D70`,
    );
    expect(status).toBe(200);
    expect(json).toEqual({
      kind: 'MetricValueList',
      apiVersion: 'custom.metrics.k8s.io/v1beta2',
      metadata: {},
      items: [
        {
          describedObject: { kind, namespace: 'mcp', name: 'web', apiVersion },
          metric: { name: 'mcp_demand', selector: { matchLabels: { buffer: '20', target: '70' } } },
          timestamp: '2026-11-22T09:30:00Z',
          windowSeconds: 0,
          value: '65',
        },
      ],
    });
    expect(lab.source.asked).toEqual([{ target: 70, buffer: 20 }]);
  });

  test.for([
    ['', { buffer: 0 }],
    ['target=1', { target: 1, buffer: 0 }],
    ['buffer==0', { buffer: 0 }],
    ['target=100,buffer=999999999', { target: 100, buffer: 999_999_999 }],
  ] as const)('takes its parameters from %j', async ([selector, parameters]) => {
    const lab = await startFleet();
    const query = `metricLabelSelector=${encodeURIComponent(selector)}`;
    const { status } = await lab.ask(`${BETA1}/namespaces/mcp/mcpfleets.berth.dev/web/mcp_demand?${query}`);
    expect([status, lab.source.asked]).toEqual([200, [parameters]]);
  });

  test.for([
    'target=0',
    'target=070',
    'target=1.5',
    'target=',
    'buffer=1000000000',
    'target in (70)',
    'target!=70',
    'target',
    'target=70,target=70',
    'more=1,target=70',
    'target>5',
  ])('has no series for %s', async (selector) => {
    const lab = await startFleet();
    const query = `metricLabelSelector=${encodeURIComponent(selector)}`;
    const { status, json } = await lab.ask(`${BETA2}/namespaces/mcp/services/web/mcp_demand?${query}`);
    expect([status, json]).toEqual([404, notFoundOf(`mcp_demand for services web with selector ${selector}`)]);
    expect(lab.source.asked).toEqual([]);
  });

  test('of a fleet that is not there is not found', async () => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(`${BETA2}/namespaces/mcp/mcpfleets.berth.dev/none/mcp_demand`);
    expect([status, json]).toEqual([404, notFoundOf('mcp_demand for mcpfleets.berth.dev none')]);
  });
});

test.for(['/namespaces/mcp/pods/*/mcp_active_connections', '/namespaces/mcp/mcpfleets.berth.dev/web/mcp_demand'])(
  'numbers that may not be told now make %s unavailable, and leave discovery as it is',
  async (path) => {
    const lab = await startFleet();
    lab.source.unavailable = 'Not every pod has been asked yet.';
    const { status, headers, json } = await lab.ask(`${BETA2}${path}`);
    expect([status, json]).toEqual([
      503,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'Not every pod has been asked yet.',
        reason: 'ServiceUnavailable',
        details: { retryAfterSeconds: 2 },
        code: 503,
      },
    ]);
    // client-go would sleep in a worker of the autoscaler, ten times over.
    expect(headers['retry-after']).toBeUndefined();
    expect((await lab.ask(BETA2)).status).toBe(200);
  },
);

describe('nothing is at', () => {
  test.for([
    ['/namespaces/mcp/pods/*/unknown', 'unknown for pods'],
    ['/namespaces/mcp/pods/srv-x/mcp_demand', 'mcp_demand for pods srv-x'],
    ['/namespaces/mcp/deployments.apps/x/mcp_demand', 'mcp_demand for deployments.apps x'],
    ['/namespaces/mcp/metrics/mcp_demand', 'mcp_demand for namespaces mcp'],
    ['/nodes/x/mcp_demand', 'mcp_demand for nodes x'],
    ['/nodes/*/mcp_demand', 'mcp_demand for nodes'],
  ] as const)('%s: no such metric', async ([path, what]) => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(`${BETA2}${path}`);
    expect([status, json]).toEqual([404, notFoundOf(what)]);
    expect(lab.reviews.specs).toEqual([]);
  });

  test.for([
    `${BETA2}/namespaces/mcp/pods/*`,
    `${BETA2}/namespaces/mcp/pods/*/mcp_active_connections/more`,
    `${BETA2}/namespaces//pods/*/mcp_active_connections`.replace('//', '/'),
    `${BETA2}/namespaces`,
    `${BETA2}/pods`,
    `${GROUP}/v1`,
    '/apis/external.metrics.k8s.io',
    '/openapi/v2',
    '/openapi/v3',
    '/metrics',
    '/',
    '/healthz/x',
  ])('%s: no such resource', async (path) => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(path);
    expect([status, json]).toEqual([
      404,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'the server could not find the requested resource',
        reason: 'NotFound',
        details: {},
        code: 404,
      },
    ]);
  });
});

describe('a bad request is', () => {
  test.for([
    ['/%zz', 'invalid percent-encoding: "%zz"'],
    [`${BETA2}/namespaces/%ff/pods/*/mcp_active_connections`, 'invalid percent-encoding: "%ff"'],
    [`${BETA2}/namespaces/a%2Fb/pods/*/mcp_active_connections`, 'a path segment must not contain "/"'],
    [`${BETA2}/namespaces/mcp/pods/*/mcp_active_connections?labelSelector=%`, 'invalid percent-encoding: "%"'],
    [`${BETA2}/namespaces/mcp/pods/*/mcp_active_connections?x=%e2%28%a1`, 'invalid percent-encoding: "%e2%28%a1"'],
    [
      `${BETA2}/namespaces/mcp/pods/*/mcp_active_connections?labelSelector=a%3D%3D%3Db`,
      "unable to parse labelSelector: found '=', expected: identifier",
    ],
    [
      `${BETA2}/namespaces/mcp/services/web/mcp_demand?metricLabelSelector=)`,
      "unable to parse metricLabelSelector: found ')', expected: identifier",
    ],
    [
      `${BETA2}/namespaces/mcp/pods/*/mcp_active_connections?fieldSelector=metadata.name%3Dx`,
      'field selectors are not supported',
    ],
  ] as const)('%s', async ([path, message]) => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(path);
    expect([status, json]).toEqual([
      400,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'BadRequest', code: 400 },
    ]);
  });
});

test.for(['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])('%s is not allowed', async (method) => {
  const lab = await startFleet();
  const path = `${BETA2}/namespaces/mcp/pods/*/mcp_active_connections`;
  const { status, headers, body } = await lab.ask(path, { method });
  expect([status, headers.allow]).toEqual([405, 'GET']);
  if (method !== 'HEAD') expect(JSON.parse(body)).toMatchObject({ reason: 'MethodNotAllowed', code: 405 });
});

test('a fault in the source is an internal error, and is logged', async () => {
  const lab = await startFleet();
  lab.source.broken = true;
  const { status, body } = await lab.ask(`${BETA2}/namespaces/mcp/pods/*/mcp_active_connections`);
  expect(status).toBe(500);
  expect(body).not.toContain('a fault of ours');
  expect(lab.log.join('')).toContain('a fault of ours');
});

describe('discovery', () => {
  const version = (name: string) => ({ groupVersion: `custom.metrics.k8s.io/${name}`, version: name });
  const group = {
    name: 'custom.metrics.k8s.io',
    versions: [version('v1beta2'), version('v1beta1')],
    preferredVersion: version('v1beta2'),
  };

  test.for(['v1beta2', 'v1beta1'])('lists the metrics of %s', async (name) => {
    const lab = await startFleet();
    const { status, json } = await lab.ask(`${GROUP}/${name}`);
    const entry = { singularName: '', namespaced: true, kind: 'MetricValueList', verbs: ['get'] };
    expect([status, json]).toEqual([
      200,
      {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: `custom.metrics.k8s.io/${name}`,
        resources: [
          { name: 'pods/mcp_active_connections', ...entry },
          { name: 'mcpfleets.berth.dev/mcp_demand', ...entry },
          { name: 'services/mcp_demand', ...entry },
        ],
      },
    ]);
  });

  test.for([GROUP, `${GROUP}/`])('tells the versions at %s', async (path) => {
    const lab = await startFleet();
    expect((await lab.ask(path)).json).toEqual({ kind: 'APIGroup', apiVersion: 'v1', ...group });
  });

  test('answers the aggregated form with the plain one, which is not taken for it', async () => {
    const lab = await startFleet();
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const { status, headers, json } = await lab.ask('/apis', { headers: { ...HPA, accept } });
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(json).toEqual({ kind: 'APIGroupList', apiVersion: 'v1', groups: [group] });
  });
});

test('the way of each request is observed', async () => {
  const lab = await startFleet();
  const paths = [
    `${BETA2}/namespaces/mcp/pods/*/mcp_active_connections`,
    `${BETA2}/namespaces/mcp/services/none/mcp_demand`,
    BETA2,
    '/livez',
    '/%zz',
  ];
  for (const path of paths) await lab.ask(path);
  expect(lab.observed).toEqual([
    { path: 'pods', status: 200, seconds: 0 },
    { path: 'object', status: 404, seconds: 0 },
    { path: 'discovery', status: 200, seconds: 0 },
    { path: 'probe', status: 200, seconds: 0 },
    { path: 'other', status: 400, seconds: 0 },
  ]);
});
