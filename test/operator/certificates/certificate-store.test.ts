import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { CertificateStore } from '../../../src/operator/certificates/certificate-store.ts';
import type { TlsPair } from '../../../src/operator/certificates/generation.ts';
import { type SecretData, writeContent } from '../../../src/operator/certificates/secret-content.ts';
import { FakeKubeApi } from '../../fixtures/fake-kube-api/fake-kube-api.ts';
import { make, only, START, service } from './generations.ts';

const [first, second, third] = await Promise.all([make(START), make(START), make(START)]);
const never = new AbortController().signal;
const NAME = 'berth-operator-tls';
const SOON = { timeout: 10_000 };

async function cluster() {
  const fake = await FakeKubeApi.start();
  onTestFinished(() => fake.stop());
  const store = (onChange: (pair: TlsPair) => void = () => {}) =>
    new CertificateStore({ api: fake.api(), service, onChange, log: pino({ level: 'silent' }), clock: () => START });
  const put = (data: SecretData, type = 'kubernetes.io/tls') => {
    const metadata = { name: NAME, namespace: service.namespace };
    return fake.put({ apiVersion: 'v1', kind: 'Secret', metadata, ...{ type, data } });
  };
  const found = () => fake.get<KubeObject & { data: SecretData; type: string }>(kinds.secret, service.namespace, NAME);
  return { fake, store, put, found };
}

/** A store that watches for the length of a test, and what it gave to serve. */
async function watching({ store }: Awaited<ReturnType<typeof cluster>>) {
  const served: TlsPair[] = [];
  const watched = store((pair) => void served.push(pair));
  const end = new AbortController();
  const running = watched.run(end.signal);
  onTestFinished(async () => {
    end.abort();
    await running;
  });
  return { watched, served, last: () => served.at(-1)?.certificate };
}

test('what a leader writes is what the next one reads', async () => {
  const { store, found } = await cluster();
  expect(await store().read(never)).toBeUndefined();
  expect(await store().write(undefined, only(first), never)).toBe(true);
  const stored = await store().read(never);
  expect(stored?.content).toEqual(only(first));
  expect(found()).toMatchObject({
    type: 'kubernetes.io/tls',
    metadata: { labels: { 'app.kubernetes.io/managed-by': 'berth' } },
  });
  const staged = { current: first, next: second, previous: [] };
  expect(await store().write(stored, staged, never)).toBe(true);
  expect((await store().read(never))?.content).toEqual(staged);
});

test('of two leaders that create it at once, one wins', async () => {
  const { store, found } = await cluster();
  const won = await Promise.all([first, second].map((one) => store().write(undefined, only(one), never)));
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(found()?.data).toEqual(writeContent(only(won[0] ? first : second)));
});

test('of two leaders that write over the same one, one wins', async () => {
  const { store, put, found } = await cluster();
  put(writeContent(only(first)));
  const stored = await store().read(never);
  const won = await Promise.all([second, third].map((one) => store().write(stored, only(one), never)));
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(found()?.data).toEqual(writeContent(only(won[0] ? second : third)));
});

test('one that is gone since it was read is not made again by a write over it', async () => {
  const { store, put, fake, found } = await cluster();
  put(writeContent(only(first)));
  const stored = await store().read(never);
  fake.remove(kinds.secret, service.namespace, NAME);
  expect(await store().write(stored, only(second), never)).toBe(false);
  expect(found()).toBeUndefined();
});

test("a Secret keeps its type, which cannot be changed, and loses what is not the operator's", async () => {
  const { store, put, found } = await cluster();
  put({ 'tls.crt': 'Zm9yZWlnbg==', 'keystore.jks': 'AA==' }, 'Opaque');
  await store().write(await store().read(never), only(first), never);
  expect(found()).toMatchObject({ type: 'Opaque' });
  expect(found()?.data).toEqual(writeContent(only(first)));
});

test('a write that fails for another reason is an error', async () => {
  const { store, fake } = await cluster();
  fake.failNext('apply secrets', 403);
  await expect(store().write(undefined, only(first), never)).rejects.toMatchObject({ status: 403 });
});

test('what is to be served follows the Secret, and outlives it', async () => {
  const world = await cluster();
  const { watched, served, last } = await watching(world);
  expect(watched.pair).toBeUndefined();
  world.put(writeContent(only(first)));
  await expect.poll(last, SOON).toBe(first.certificate);
  expect(watched.pair).toEqual({ certificate: first.certificate, key: first.key });
  world.put(writeContent(only(second)));
  await expect.poll(last, SOON).toBe(second.certificate);

  const changes = seenChanges(watched);
  world.put({ ...writeContent(only(second)), 'tls.key': 'AA==' });
  await expect.poll(changes, SOON).toBe(1);
  world.fake.remove(kinds.secret, service.namespace, NAME);
  await expect.poll(changes, SOON).toBe(2);
  expect(watched.pair?.certificate).toBe(second.certificate);
  expect(served).toHaveLength(2);
});

test('a rotation that leaves the certificate as it is makes nobody serve anew', async () => {
  const world = await cluster();
  const { watched, served, last } = await watching(world);
  world.put(writeContent(only(first)));
  await expect.poll(last, SOON).toBe(first.certificate);
  const changes = seenChanges(watched);
  world.put(writeContent({ current: first, next: second, previous: [third.ca] }));
  await expect.poll(changes, SOON).toBe(1);
  expect(served).toHaveLength(1);
});

test('only the one Secret is asked for, by name: the right to read one is enough', async () => {
  const world = await cluster();
  const { served, last } = await watching(world);
  world.put(writeContent(only(first)));
  await expect.poll(last, SOON).toBe(first.certificate);
  const metadata = { name: 'another', namespace: service.namespace };
  world.fake.put({ apiVersion: 'v1', kind: 'Secret', metadata, data: writeContent(only(second)) } as KubeObject);
  world.put(writeContent(only(third)));
  await expect.poll(last, SOON).toBe(third.certificate);
  expect(served).toHaveLength(2);
});

function seenChanges(store: CertificateStore): () => number {
  let count = 0;
  const end = new AbortController();
  store.watch(() => count++, end.signal);
  onTestFinished(() => end.abort());
  return () => count;
}

test('who stops listening is told no more', async () => {
  const world = await cluster();
  const { watched } = await watching(world);
  const [end, told, stays] = [new AbortController(), [] as string[], seenChanges(watched)];
  watched.watch(() => told.push('change'), end.signal);
  end.abort();
  world.put(writeContent(only(first)));
  await expect.poll(stays, SOON).toBe(1);
  expect(told).toEqual([]);
});
