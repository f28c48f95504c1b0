import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { createAuthorizer } from '../../../src/operator/metrics-api/authorize.ts';
import type { Identity } from '../../../src/operator/metrics-api/request-header.ts';
import type { MetricPath } from '../../../src/operator/metrics-api/route.ts';
import { SERVED_METRICS } from '../../../src/operator/metrics-api/served-metrics.ts';
import { FakeReviews, HPA, startLab } from './lab.ts';

const BETA2 = '/apis/custom.metrics.k8s.io/v1beta2';
const PODS = `${BETA2}/namespaces/mcp/pods/%2A/mcp_active_connections`;

function startAuthorizer() {
  const reviews = new FakeReviews();
  const time = { now: 0 };
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const log = pino({ level: 'silent' });
  const authorize = createAuthorizer({ api: reviews, log, clock: () => time.now, signal: end.signal });
  return { reviews, time, end, authorize };
}

const [pods] = SERVED_METRICS as [MetricPath['served']];
const path = (namespace = 'mcp', name = '*'): MetricPath => ({ version: 'v1beta2', namespace, served: pods, name });
const identity = (user: string, groups: string[] = []): Identity => ({ user, groups, extra: {} });

test('the API server is asked about the metric as a subresource, with all that is known of the caller', async () => {
  const lab = await startLab();
  const headers = { ...HPA, 'x-remote-uid': '42', 'x-remote-extra-acme.com%2fproject': 'x' };
  expect((await lab.ask(PODS, { headers })).status).toBe(200);
  expect(lab.reviews.kinds).toEqual([
    kinds.subjectAccessReview,
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' },
  ]);
  expect(lab.reviews.specs).toEqual([
    {
      resourceAttributes: {
        namespace: 'mcp',
        verb: 'get',
        group: 'custom.metrics.k8s.io',
        version: 'v1beta2',
        resource: 'pods',
        subresource: 'mcp_active_connections',
        name: '*',
      },
      user: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
      uid: '42',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
      extra: { 'acme.com/project': ['x'] },
    },
  ]);
});

test.for([
  ['pods/%2A/mcp_active_connections', 'pods', '*', 'mcp_active_connections'],
  ['mcpfleets.berth.dev/web/mcp_demand', 'mcpfleets.berth.dev', 'web', 'mcp_demand'],
] as const)('whoever may not read %s is told so in the words of Kubernetes', async ([rest, kind, name, metric]) => {
  const lab = await startLab();
  lab.reviews.allows = () => false;
  const headers = { 'x-remote-user': 'jane <j@x>' };
  const { status, json } = await lab.ask(`${BETA2}/namespaces/mcp/${rest}`, { headers });
  expect([status, json]).toEqual([
    403,
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        `${kind}.custom.metrics.k8s.io "${name}" is forbidden: User "jane &lt;j@x&gt;" cannot get resource ` +
        `"${kind}/${metric}" in API group "custom.metrics.k8s.io" in the namespace "mcp"`,
      reason: 'Forbidden',
      details: { name, group: 'custom.metrics.k8s.io', kind },
      code: 403,
    },
  ]);
});

test('the API server is asked about the version that is read', async () => {
  const lab = await startLab();
  await lab.ask(PODS.replace('v1beta2', 'v1beta1'));
  expect(lab.reviews.specs).toMatchObject([{ resourceAttributes: { version: 'v1beta1' } }]);
});

test('a reason of the API server is passed on', async () => {
  const lab = await startLab();
  lab.reviews.allows = () => false;
  lab.reviews.reason = 'not on Sundays';
  expect((await lab.ask(PODS)).body).toContain('in the namespace \\"mcp\\": not on Sundays"');
});

test('superusers, and whoever reads discovery, are not asked about', async () => {
  const lab = await startLab();
  lab.reviews.allows = () => false;
  const masters = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
  expect((await lab.ask(PODS, { headers: masters })).status).toBe(200);
  // As the aggregator asks: without a group.
  const headers = { 'x-remote-user': 'system:kube-aggregator' };
  for (const discovery of ['/apis', '/apis/custom.metrics.k8s.io', BETA2]) {
    expect((await lab.ask(discovery, { headers })).status).toBe(200);
  }
  expect(lab.reviews.specs).toEqual([]);
});

test('a bad selector is not told to those who may not read', async () => {
  const lab = await startLab();
  lab.reviews.allows = () => false;
  expect((await lab.ask(`${PODS}?labelSelector=)`)).status).toBe(403);
});

describe('without an answer of the API server nobody is let through', () => {
  const kubeError = (status: number) => new KubeError('the API server says no', { status, reason: 'x' });
  test.for<[what: string, failure: Error | undefined, answer: unknown, status: number]>([
    ['unreachable', kubeError(0), undefined, 503],
    ['overloaded', kubeError(429), undefined, 503],
    ['broken', kubeError(500), undefined, 503],
    ['too slow', new DOMException('The operation timed out', 'TimeoutError'), undefined, 503],
    ['not letting us ask', kubeError(403), undefined, 500],
    ['another fault', new TypeError('a fault'), undefined, 500],
    ['an answer without a status', undefined, {}, 500],
    ['an answer that is nothing', undefined, null, 500],
    ['an answer of another shape', undefined, { status: { allowed: 'true' } }, 500],
  ])('%s', async ([, failure, answer, expected]) => {
    const lab = await startLab();
    lab.reviews.failure = failure;
    lab.reviews.answer = answer;
    const { status, json } = await lab.ask(PODS);
    expect(status).toBe(expected);
    expect(json).toMatchObject({ reason: expected === 503 ? 'ServiceUnavailable' : 'InternalError' });
    expect(lab.log.join('')).toContain('Failed to review access');
    lab.reviews.failure = undefined;
    lab.reviews.answer = undefined;
    expect((await lab.ask(PODS)).status).toBe(200);
  });
});

describe('an answer', () => {
  test.for([true, false])('is remembered for 10 s: allowed %s', async (allowed) => {
    const { reviews, time, authorize } = startAuthorizer();
    reviews.allows = () => allowed;
    const ask = () =>
      authorize(identity('jane'), path()).then(
        () => true,
        () => false,
      );
    expect(await ask()).toBe(allowed);
    reviews.allows = () => !allowed;
    time.now = 9_999;
    expect(await ask()).toBe(allowed);
    time.now = 10_000;
    expect(await ask()).toBe(!allowed);
    expect(reviews.specs).toHaveLength(2);
  });

  test('is one for each caller, group and object', async () => {
    const { reviews, authorize } = startAuthorizer();
    const questions: [Identity, MetricPath][] = [
      [identity('jane'), path()],
      [identity('joe'), path()],
      [identity('jane', ['a']), path()],
      [identity('jane'), path('other')],
      [identity('jane'), path('mcp', 'x')],
      [{ ...identity('jane'), uid: '1' }, path()],
      [{ ...identity('jane'), extra: { a: ['b'] } }, path()],
    ];
    for (const question of [...questions, ...questions]) await authorize(...question);
    expect(reviews.specs).toHaveLength(questions.length);
  });

  test('is shared by those who ask at the same time, a failure too', async () => {
    const { reviews, authorize } = startAuthorizer();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    reviews.allows = () => promise;
    const asking = Array.from({ length: 5 }, () => authorize(identity('jane'), path()));
    resolve(true);
    await Promise.all(asking);
    expect(reviews.specs).toHaveLength(1);

    reviews.failure = new TypeError('a fault');
    const failing = await Promise.allSettled([1, 2].map(() => authorize(identity('joe'), path())));
    expect(failing.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(reviews.specs).toHaveLength(2);
  });

  test('is forgotten when a thousand others are newer', async () => {
    const { reviews, authorize } = startAuthorizer();
    for (let i = 0; i < 1_001; i++) await authorize(identity(`user ${i}`), path());
    await authorize(identity('user 1'), path());
    expect(reviews.specs).toHaveLength(1_001);
    await authorize(identity('user 0'), path());
    expect(reviews.specs).toHaveLength(1_002);
  });
});

test('the end of the server ends what is being asked', async () => {
  const { end, authorize, reviews } = startAuthorizer();
  let given: AbortSignal | undefined;
  reviews.create = (_kind: unknown, _object: object, options?: { signal: AbortSignal }) => {
    given = options?.signal;
    return new Promise((_, reject) => given?.addEventListener('abort', () => reject(given?.reason)));
  };
  const asking = authorize(identity('jane'), path());
  end.abort();
  await expect(asking).rejects.toMatchObject({ status: { code: 503 } });
});
