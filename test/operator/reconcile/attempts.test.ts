import { expect, test } from 'vitest';
import { httpConnection } from '../../../src/kube/connection.ts';
import { kinds } from '../../../src/kube/kinds.ts';
import { KubeApi } from '../../../src/kube/kube-api.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { SPEC, World } from './world.ts';

test('what the API server writes in another way is applied once, and not for ever', async () => {
  const world = await World.start();
  const plain = httpConnection(world.fake.url);
  const connection: typeof plain = {
    ...plain,
    // A quantity has one way to be written: what is read back differs from what was applied.
    request: ({ body, ...rest }) =>
      plain.request({ ...rest, ...(body === undefined ? {} : { body: body.replace('"1000m"', '"1"') }) }),
  };
  await world.changeLeader(new KubeApi({ connection }));
  world.want({ resources: { limits: { cpu: '1000m' } } });
  await world.settle();
  expect(world.deployment()?.spec?.template.spec?.containers[0]?.resources?.limits).toEqual({ cpu: '1' });
  const settled = world.requests();
  for (let time = 0; time < 100; time++) {
    world.rollOut('team', 'notes', { readyReplicas: time % 2 });
    await world.pass();
    world.now += 10_000;
  }
  const statuses = world.fake.requests['apply mcpfleets'] ?? 0;
  expect(world.requests() - settled).toBeLessThanOrEqual(statuses);
  expect((await world.events()).filter((event) => event.startsWith('Normal Changed'))).toEqual([]);

  world.fake.edit(kinds.deployment, 'team', 'notes', (found) => {
    const text = JSON.stringify(found).replace('"cpu":"1"', '"cpu":"8"');
    return JSON.parse(text) as KubeObject;
  });
  await world.pass();
  expect(world.deployment()?.spec?.template.spec?.containers[0]?.resources?.limits).toEqual({ cpu: '1' });
  connection.close();
});

test('a new leader applies such an object once, changes nothing and tells of no change', async () => {
  const world = await World.start();
  world.want({ service: { annotations: { 'a.b/c': 'd' } } });
  await world.settle();
  // An entry that others may add: only the API server can say that nothing is lacking.
  world.fake.edit(kinds.deployment, 'team', 'notes', (found) => {
    const text = JSON.stringify(found).replace('"env":[', '"env":[{"name":"THEIRS","value":"1"},');
    return JSON.parse(text) as KubeObject;
  });
  await world.settle();
  const told = await world.events();
  await world.changeLeader();
  const [before, writes] = [world.deployment(), world.writes()];
  for (let time = 0; time < 10; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(world.writes()).toBe(writes + 1);
  expect(world.deployment()).toEqual(before);
  expect(await world.events()).toEqual(told);
});

test('somebody who undoes everything at once is answered less and less often', async () => {
  const world = await World.start();
  world.want({ service: { annotations: { 'a.b/c': 'ours' } } });
  await world.settle();
  const undo = () =>
    world.fake.edit(kinds.service, 'team', 'notes', ({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, annotations: { ...metadata.annotations, 'a.b/c': 'theirs' } },
    }));
  const before = world.writes();
  for (let second = 0; second < 600; second++) {
    undo();
    await world.pass();
    world.now += 1_000;
  }
  expect(world.writes() - before).toBeLessThanOrEqual(10);
  expect((await world.events()).filter((event) => event === 'Normal Changed Service notes')).toHaveLength(1);
  const note = () => world.fake.get(kinds.service, 'team', 'notes')?.metadata.annotations?.['a.b/c'];
  world.now += 600_000;
  await world.pass();
  expect(note()).toBe('ours');
  // After so long it is as if it were the first time.
  world.now += 600_000;
  for (let time = 0; time < 3; time++) {
    undo();
    await world.pass();
    expect(note()).toBe('ours');
    world.now += 10_000;
  }
});

test('a spec that goes back and forth is followed at once', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  for (const tag of ['2', '1', '2', '1', '2']) {
    world.want({ image: { ...SPEC.image, tag } });
    await world.pass();
    expect(world.deployment()?.spec?.template.spec?.containers[0]?.image).toBe(`${SPEC.image.repository}:${tag}`);
  }
});
