import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { servedFingerprints } from '../../../src/operator/certificates/served-fingerprints.ts';
import { DAY, fingerprint, make, service } from './generations.ts';
import { cluster, SECRET, startServing, verify } from './leaders.ts';

const never = new AbortController().signal;
const SOON = { timeout: 20_000 };

test('a leader makes the certificates; one that is broken, and one that is deleted, are replaced at once', async () => {
  const world = await cluster();
  world.leadAlone();
  // Once more after it was made: then the leader sleeps until something changes.
  await expect.poll(() => world.fake.requests['get secrets'], SOON).toBe(2);
  const first = world.text('tls.crt');
  world.fake.edit<KubeObject & { data: object }>(kinds.secret, service.namespace, SECRET, (found) => ({
    ...found,
    data: { ...found.data, 'tls.key': 'AA==' },
  }));
  await expect.poll(() => world.text('tls.key'), SOON).toContain('PRIVATE KEY');
  const second = world.text('tls.crt');
  expect(second).not.toBe(first);
  world.fake.remove(kinds.secret, service.namespace, SECRET);
  await expect.poll(() => world.text('tls.key'), SOON).toContain('PRIVATE KEY');
  expect(world.text('tls.crt')).not.toBe(second);
});

test('two leaders at a time agree on one certificate', async () => {
  const world = await cluster();
  world.lead();
  world.lead();
  await expect.poll(world.keys, SOON).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
  const { resourceVersion } = world.secret()?.metadata ?? {};
  const reads = () => world.fake.requests['get secrets'] ?? 0;
  const before = reads();
  // Both have looked again by then.
  await expect.poll(reads, SOON).toBeGreaterThan(before + 4);
  expect(world.secret()?.metadata.resourceVersion).toBe(resourceVersion);
});

test('the steps of a rotation wait for those who verify, then for those who serve', async () => {
  const world = await cluster();
  const stop = world.leadAlone();
  await expect.poll(world.keys, SOON).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
  await stop();

  world.ahead = 61 * DAY;
  const asked: string[] = [];
  let ring = () => {};
  /** What is found at each look, one after the other; each is 10 s later. */
  const answering = <T>(name: string, answers: (() => T)[]) => {
    return async () => {
      world.ahead += 10_000;
      ring();
      asked.push(`${name} with ${world.keys().filter((key) => /ca/.test(key))}`);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('Asked once too often');
      return answer();
    };
  };
  const unknown = () => {
    throw new Error('Not known now');
  };
  const held = () => [world.text('ca.crt'), world.text('ca.crt')];
  const one = () => [world.text('ca.crt'), ''];
  const mine = () => fingerprint(world.text('tls.crt'));
  const store = world.store();
  world.leadAlone({
    store: {
      name: store.name,
      read: (signal) => store.read(signal),
      write: (stored, content, signal) => store.write(stored, content, signal),
      watch: (listener) => {
        ring = listener;
      },
    },
    // Made for real, it would soon be as old as the one before.
    make: () => make(world.clock()),
    bundles: answering('bundles', [one, unknown, held, unknown, held, held]),
    served: answering('served', [unknown, () => [], () => [mine(), undefined], () => [mine(), mine()]]),
  });
  await expect.poll(world.keys, SOON).toContain('previous-ca.crt');
  await expect.poll(world.keys, SOON).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
  expect(asked).toEqual([
    // What was held before an answer was missing does not count.
    ...Array(6).fill('bundles with ca.crt,next-ca.crt'),
    ...Array(4).fill('served with ca.crt,previous-ca.crt'),
  ]);
}, 60_000);

test('through a rotation and a change of the leader, the API server can verify every replica at every moment', async () => {
  const world = await cluster();
  const replicas = await Promise.all(['a', 'b'].map((name) => startServing(world, name)));
  const stop = world.lead();
  const served = () => servedFingerprints(replicas, never);
  const current = () => fingerprint(world.text('tls.crt'));
  const allServe = async () => (await served()).every((one) => one === current());
  const allKnow = () => world.bundles().filter((bundle) => bundle === world.text('ca.crt')).length === 2;
  await expect.poll(allServe, SOON).toBe(true);
  await expect.poll(allKnow, SOON).toBe(true);
  const old = current();

  const failures: string[] = [];
  let handshakes = 0;
  const stopVerifying = world.during(async (signal) => {
    while (!signal.aborted) {
      for (const replica of replicas) {
        for (const bundle of world.bundles()) {
          const failure = await verify(replica, bundle);
          handshakes++;
          if (failure !== undefined) failures.push(`${failure} with ${world.keys()}`);
        }
      }
    }
  });

  world.ahead = 61 * DAY;
  await stop();
  const stopSecond = world.lead();
  await expect.poll(world.keys, SOON).toContain('next-ca.crt');
  // The next one was made for real, and would look as old as this one.
  world.ahead = 0;
  await expect.poll(allKnow, SOON).toBe(true);
  expect(await served()).toEqual([old, old]);
  await stopSecond();
  const looks = () => world.fake.requests['get apiservices'] ?? 0;
  const before = looks();
  world.lead();
  // It has seen that both have the next authority.
  await expect.poll(looks, SOON).toBeGreaterThan(before + 4);
  world.ahead = 10_000;
  await expect.poll(world.keys, { timeout: 25_000 }).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
  await expect.poll(allKnow, SOON).toBe(true);
  expect(current()).not.toBe(old);
  expect(await served()).toEqual([current(), current()]);
  await stopVerifying();
  expect(failures).toEqual([]);
  expect(handshakes).toBeGreaterThan(100);
}, 90_000);
