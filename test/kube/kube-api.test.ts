import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../src/kube/calls.ts';
import { httpConnection } from '../../src/kube/connection.ts';
import { kindOf, kinds } from '../../src/kube/kinds.ts';
import { KubeApi } from '../../src/kube/kube-api.ts';
import { KubeError } from '../../src/kube/kube-error.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { playServer } from './played-server.ts';

let fake: FakeKubeApi;
let api: KubeApi;
let calls: ObservedCall[];

beforeEach(async () => {
  fake = await FakeKubeApi.start();
  calls = [];
  api = fake.api({ observe: (call) => void calls.push(call) });
});
afterEach(() => fake.stop());

const pod = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'team', labels },
});
const ref = (name: string) => ({ kind: kinds.pod, namespace: 'team', name });

describe('reading', () => {
  test('an object that is there, and one that is not', async () => {
    fake.put(pod('a'));
    expect(await api.get(ref('a'))).toMatchObject({ metadata: { name: 'a', namespace: 'team' } });
    expect(await api.get(ref('b'))).toBeUndefined();
  });

  test('a list of 1,200 comes in pages of 500, each object once and saying what it is', async () => {
    for (let number = 0; number < 1_200; number++) fake.put(pod(`pod-${number}`));
    const { items, resourceVersion } = await api.list(kinds.pod);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(1_200);
    expect(items.every(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Pod')).toBe(true);
    expect(Number(resourceVersion)).toBeGreaterThan(1_200);
    expect(fake.requests['list pods']).toBe(3);
  });

  test('a list whose pages expired in the middle is begun anew', async () => {
    for (let number = 0; number < 600; number++) fake.put(pod(`pod-${number}`));
    let asked = 0;
    fake.failNext(({ what }) => what === 'list pods' && ++asked === 2, 410);
    const { items } = await api.list(kinds.pod);
    expect(items.length).toBe(600);
    expect(fake.requests['list pods']).toBe(4);
  });

  test('a list of objects that are too large to come together comes with fewer at a time', async () => {
    for (let number = 0; number < 70; number++) fake.put(pod(`pod-${number}`, { large: 'x'.repeat(1_000) }));
    const connection = httpConnection(fake.url, { maxBodyBytes: 30_000 });
    const { items } = await fake.api({ connection }).list(kinds.pod);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(70);
    // With 500, 250, 125, 62, 31 it does not, then with 15 five times.
    expect(fake.requests['list pods']).toBe(10);
  });

  test('a list with one object that is too large by itself fails', async () => {
    fake.put(pod('small'));
    fake.put(pod('too-large', { large: 'x'.repeat(40_000) }));
    const connection = httpConnection(fake.url, { maxBodyBytes: 30_000 });
    await expect(fake.api({ connection }).list(kinds.pod)).rejects.toMatchObject({ reason: 'TooLarge' });
    expect(fake.requests['list pods']).toBeLessThan(15);
  });

  test('a list whose pages always expire fails in the end', async () => {
    fake.failNext('list pods', 410, 100);
    await expect(api.list(kinds.pod)).rejects.toMatchObject({ status: 410 });
    expect(fake.requests['list pods']).toBeLessThan(10);
  });

  test('a list is of one namespace and of what the selectors select', async () => {
    fake.put(pod('a', { app: 'x' }));
    fake.put(pod('b', { app: 'y' }));
    fake.put({ ...pod('c', { app: 'x' }), metadata: { name: 'c', namespace: 'other', labels: { app: 'x' } } });
    const names = async (selection: object) =>
      (await api.list(kinds.pod, selection)).items.map(({ metadata }) => metadata.name).sort();
    expect(await names({ labelSelector: 'app=x' })).toEqual(['a', 'c']);
    expect(await names({ labelSelector: 'app in (x,y)', namespace: 'team' })).toEqual(['a', 'b']);
    expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b']);
  });

  test('a kind that there is not is an error when listed', async () => {
    fake.lack(kinds.serviceMonitor);
    await expect(api.list(kinds.serviceMonitor)).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
  });

  test('any path can be asked for, whatever comes', async () => {
    expect(await api.raw('/readyz')).toEqual({ status: 200, body: 'ok' });
    expect((await api.raw('/apis/nothing.dev')).status).toBe(404);
  });
});

describe('writing', () => {
  test('what is sent arrives untouched, fields that nobody knows included', async () => {
    const seen: { url: string; type: string; body: string }[] = [];
    const server = await playServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString();
      seen.push({ url: request.url ?? '', type: request.headers['content-type'] ?? '', body });
      response.end('{}');
    });
    const object = { ...pod('a'), spec: { brandNewField: { ünïcode: [1, null, '🐟'] } } };
    const direct = new KubeApi({ connection: httpConnection(server.url) });
    try {
      await direct.apply(object, { fieldManager: 'berth', force: true, dryRun: true });
      await direct.create(kinds.pod, object, { dryRun: true });
      await direct.replace(kinds.pod, object);
      await direct.mergePatch(ref('a'), { spec: null }, { fieldManager: 'berth', subresource: 'status' });
    } finally {
      direct.close();
      await server.close();
    }
    const path = '/api/v1/namespaces/team/pods';
    const json = 'application/json';
    expect(seen).toEqual([
      {
        url: `${path}/a?fieldManager=berth&force=true&dryRun=All`,
        type: 'application/apply-patch+yaml',
        body: JSON.stringify(object),
      },
      { url: `${path}?dryRun=All`, type: json, body: JSON.stringify(object) },
      { url: `${path}/a`, type: json, body: JSON.stringify(object) },
      { url: `${path}/a/status?fieldManager=berth`, type: 'application/merge-patch+json', body: '{"spec":null}' },
    ]);
  });

  test('a dry run answers with what would be and leaves all as it is', async () => {
    const applied = await api.apply(pod('a', { new: 'yes' }), { fieldManager: 'berth', dryRun: true });
    expect(applied.metadata.labels).toEqual({ new: 'yes' });
    expect(await api.get(ref('a'))).toBeUndefined();
  });

  test('an object that was changed meanwhile is not replaced', async () => {
    const old = fake.put(pod('a'));
    fake.put(pod('a', { changed: 'yes' }));
    await expect(api.replace(kinds.pod, old)).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  });

  test('a name that is taken is not created again', async () => {
    await api.create(kinds.pod, pod('a'));
    await expect(api.create(kinds.pod, pod('a'))).rejects.toMatchObject({ status: 409, reason: 'AlreadyExists' });
  });

  test('deleting tells whether it was there, and spares another object of the same name', async () => {
    const { uid } = fake.put(pod('a')).metadata;
    expect(await api.delete(ref('a'), { uid: 'of-the-one-before' })).toBe(false);
    expect(await api.delete(ref('a'), uid === undefined ? {} : { uid })).toBe(true);
    expect(await api.delete(ref('a'))).toBe(false);
  });

  test('a conflict when deleting without a uid is an error', async () => {
    fake.put(pod('a'));
    fake.failNext('delete pods', 409);
    await expect(api.delete(ref('a'))).rejects.toMatchObject({ status: 409 });
  });

  test('an object without the namespace that it needs is not asked for somewhere else', async () => {
    await expect(api.get({ kind: kinds.pod, name: 'a' })).rejects.toThrow('Pod a needs a namespace');
    expect(calls).toEqual([]);
  });

  test('a kind that berth does not know is found out about once', async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', plural: 'roles', namespaced: true };
    fake.offer(role);
    const object = { apiVersion: role.apiVersion, kind: 'Role', metadata: { name: 'a', namespace: 'team' }, rules: [] };
    await api.apply(object, { fieldManager: 'berth' });
    await api.apply(object, { fieldManager: 'berth' });
    expect(await api.get({ kind: role, namespace: 'team', name: 'a' })).toMatchObject({ rules: [] });
    expect(fake.requests[`get /apis/${role.apiVersion}`]).toBe(1);
    const unknown = { apiVersion: role.apiVersion, kind: 'Rolle', metadata: { name: 'a', namespace: 'team' } };
    await expect(api.apply(unknown, { fieldManager: 'berth' })).rejects.toMatchObject({ status: 404 });
  });
});

describe('errors', () => {
  test('say what was attempted and what was found', async () => {
    fake.put(pod('a'));
    await api.apply(pod('a', { tier: 'x' }), { fieldManager: 'one' });
    const error = await api.apply(pod('a', { tier: 'y' }), { fieldManager: 'two' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KubeError);
    expect((error as KubeError).message).toBe(
      'PATCH /api/v1/namespaces/team/pods/a: the API server answered 409 Conflict: ' +
        'Apply failed with 1 conflict: conflict with "one": .metadata.labels.tier',
    );
  });

  test('an answer that is no JSON is an error as well', async () => {
    const server = await playServer((_, response) => response.end('<html>'));
    const direct = new KubeApi({ connection: httpConnection(server.url) });
    await expect(direct.get(ref('a'))).rejects.toMatchObject({ status: 0, reason: 'Garbled' });
    direct.close();
    await server.close();
  });

  test('a server that is away says when it may be asked again', async () => {
    fake.failNext('get pods', 503, 1, { 'retry-after': '7' });
    await expect(api.get(ref('a'))).rejects.toMatchObject({ status: 503, retryAfter: 7 });
    expect(fake.requests['get pods']).toBe(1);
  });
});

describe('a server that has too much to do', () => {
  test('is asked again when it says so', async () => {
    fake.put(pod('a'));
    fake.failNext('get pods', 429, 2, { 'retry-after': '0' });
    expect(await api.get(ref('a'))).toBeDefined();
    expect(fake.requests['get pods']).toBe(3);
  });

  test('is not asked before the time that it names', async () => {
    fake.failNext('create pods', 429, 1, { 'retry-after': '1' });
    const begun = performance.now();
    await api.create(kinds.pod, pod('a'));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1_000);
  });

  test('is left alone after four times, or when it asks for more than a moment', async () => {
    fake.failNext('get pods', 429, 4, { 'retry-after': '0' });
    await expect(api.get(ref('a'))).rejects.toMatchObject({ status: 429, reason: 'TooManyRequests', retryAfter: 0 });
    expect(fake.requests['get pods']).toBe(4);
    fake.failNext('get pods', 429, 1, { 'retry-after': '60' });
    await expect(api.get(ref('a'))).rejects.toMatchObject({ status: 429, retryAfter: 60 });
    expect(fake.requests['get pods']).toBe(5);
  });

  test('is not waited for by whoever has left', async () => {
    fake.failNext('get pods', 429, 1, { 'retry-after': '9' });
    const leave = new AbortController();
    const answer = api.get(ref('a'), { signal: leave.signal });
    await expect.poll(() => fake.requests['get pods']).toBe(1);
    const left = performance.now();
    leave.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    expect(performance.now() - left).toBeLessThan(5_000);
  });
});

test('every request is observed once, those without an answer with status 0', async () => {
  fake.put(pod('a'));
  await api.get(ref('a'));
  await api.get(ref('b'));
  await api.list(kinds.pod);
  fake.failNext('apply pods', 'drop');
  await api.apply(pod('c'), { fieldManager: 'berth' }).catch(() => undefined);
  expect(calls.map(({ verb, plural, status }) => `${verb} ${plural} ${status}`)).toEqual([
    'get pods 200',
    'get pods 404',
    'list pods 200',
    'apply pods 0',
  ]);
  expect(calls.every(({ seconds }) => seconds > 0 && seconds < 5)).toBe(true);
});

test('every kind of the table is found by its two names', () => {
  for (const kind of Object.values(kinds)) expect(kindOf(kind.apiVersion, kind.kind)).toBe(kind);
  expect(kindOf('v1', 'Deployment')).toBeUndefined();
});

test('an object asked for with a type is that type', async () => {
  interface Fleet extends KubeObject {
    readonly spec: { readonly replicas: number };
  }
  fake.put({
    apiVersion: 'berth.dev/v1alpha1',
    kind: 'MCPFleet',
    metadata: { name: 'a', namespace: 'team' },
    spec: { replicas: 3 },
  });
  const fleet = await api.get<Fleet>({ kind: kinds.mcpFleet, namespace: 'team', name: 'a' });
  expect(fleet?.spec.replicas).toBe(3);
});
