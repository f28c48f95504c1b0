import { expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { type DeploymentObject, SPEC, World } from './world.ts';

const AUTOSCALED = { autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 9 } };

/** Every number of pods that the cluster was ever told, in order, without repetitions. */
async function recordReplicas(world: World): Promise<{ seen(): Promise<number[]> }> {
  const api = world.fake.api();
  const end = new AbortController();
  const { resourceVersion } = await api.list(kinds.deployment);
  const values: number[] = [];
  let last = '';
  const watching = (async () => {
    const options = { resourceVersion, signal: end.signal };
    for await (const event of api.watch<DeploymentObject>(kinds.deployment, options)) {
      if (event.type === 'BOOKMARK') continue;
      // Kubernetes makes it one where nobody says.
      const replicas = event.object.spec?.replicas ?? 1;
      if (values.at(-1) !== replicas) values.push(replicas);
      last = event.object.metadata.resourceVersion ?? '';
    }
  })().catch(() => undefined);
  onTestFinished(async () => {
    end.abort();
    await watching;
  });
  return {
    async seen() {
      await expect.poll(() => last, { interval: 2 }).toBe(world.deployment()?.metadata.resourceVersion);
      return values;
    },
  };
}

/** Sets the number of pods as an autoscaler or `kubectl scale` does. */
function scale(world: World, replicas: number): void {
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', 'notes', (found) => ({
    ...found,
    spec: { ...found.spec, replicas } as DeploymentObject['spec'],
  }));
}

test.for([
  ['with what is asked for', { replicas: 3 }, 3],
  ['with none where none is asked for', { replicas: 0 }, 0],
  ['with the fewest of its autoscaler', AUTOSCALED, 2],
  ['with one where nobody says', {}, 1],
] as const)('a new Deployment begins %s', async ([, spec, expected]) => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want(spec);
  await world.settle();
  expect(await record.seen()).toEqual([expected]);
});

test('switching the autoscaler on and off changes nothing, whatever happens to the rest of the spec', async () => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want();
  await world.settle();
  scale(world, 4);
  await world.settle();
  for (const [index, on] of [true, false, true, false].entries()) {
    world.want({ ...(on ? AUTOSCALED : {}), podAnnotations: { 'a.b/c': String(index) } });
    await world.settle();
  }
  expect(await record.seen()).toEqual([1, 4]);
});

test('from a number that the resource asks for to an autoscaler there is no dip, and none back', async () => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want({ replicas: 5 });
  await world.settle();
  world.want(AUTOSCALED);
  await world.settle();
  scale(world, 7);
  world.want({ ...AUTOSCALED, nodeSelector: { disk: 'ssd' } });
  await world.settle();
  world.want({ replicas: 6 });
  await world.settle();
  world.want();
  await world.settle();
  expect(await record.seen()).toEqual([5, 7, 6]);
});

test.for([
  ['the Deployment', 1],
  ['the number of its pods', 2],
] as const)('a leader that dies after it has applied %s leaves no dip to the next', async ([, writes]) => {
  const world = await World.start();
  const record = await recordReplicas(world);
  const dying = world.fake.api();
  const apply = dying.apply.bind(dying);
  let left: number = writes;
  dying.apply = async (object, options) => {
    if (object.kind === 'Deployment' && left-- <= 0) throw new Error('The process has died.');
    return await apply(object, options);
  };
  const leader = await world.changeLeader(dying);
  world.want(AUTOSCALED);
  await leader.seesAll();
  await leader.reconcile('team/notes').catch(() => undefined);
  expect(world.deployment()).toBeDefined();
  await world.changeLeader();
  // What a new version applies is applied without the number.
  world.want({ ...AUTOSCALED, nodeSelector: { disk: 'ssd' } });
  await world.settle();
  scale(world, 5);
  world.want({ nodeSelector: { disk: 'hdd' } });
  await world.settle();
  expect(await record.seen()).toEqual([2, 5]);
});

test('the number is held before anything is applied without it', async () => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want(AUTOSCALED);
  world.fake.failNext(({ what, path }) => what === 'apply deployments' && path.includes('replicas'), 500, 100);
  await world.pass().catch(() => undefined);
  world.want({ ...AUTOSCALED, nodeSelector: { disk: 'ssd' } });
  await world.pass().catch(() => undefined);
  expect(world.deployment()?.spec?.template.spec?.nodeSelector).toBeUndefined();
  world.fake.heal();
  await world.settle();
  expect(world.deployment()?.spec?.template.spec?.nodeSelector).toEqual({ disk: 'ssd' });
  expect(await record.seen()).toEqual([2]);
});

test('what an autoscaler sets is never written over, not even by a leader that has not heard of it', async () => {
  const world = await World.start();
  const dying = world.fake.api();
  const apply = dying.apply.bind(dying);
  dying.apply = async (object, options) => {
    if (options.fieldManager === 'berth-operator-replicas') throw new Error('The process has died.');
    return await apply(object, options);
  };
  const first = await world.changeLeader(dying);
  world.want(AUTOSCALED);
  await first.seesAll();
  await first.reconcile('team/notes').catch(() => undefined);
  const leader = await world.changeLeader();
  await leader.seesAll();
  // It believes that nobody holds the number, and that there are two.
  world.fake.unnoticed(() => scale(world, 8));
  const tries = world.fake.requests['apply deployments'] ?? 0;
  await leader.reconcile('team/notes');
  expect(world.fake.requests['apply deployments']).toBe(tries + 1);
  expect(world.deployment()?.spec?.replicas).toBe(8);
});

test('an autoscaled fleet keeps its number through edits and a new leader', async () => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want(AUTOSCALED);
  await world.settle();
  for (const [index, replicas] of [6, 9, 3].entries()) {
    scale(world, replicas);
    world.want({ ...AUTOSCALED, podAnnotations: { 'a.b/c': String(index) } });
    await world.settle();
    await world.changeLeader();
    await world.settle();
  }
  expect(await record.seen()).toEqual([2, 6, 9, 3]);
});

test('kubectl scale on the resource sets the number, and on its Deployment is put back', async () => {
  const world = await World.start();
  const record = await recordReplicas(world);
  world.want({ replicas: 2 });
  await world.settle();
  world.fake.edit(kinds.mcpFleet, 'team', 'notes', (found) => ({ ...found, spec: { ...SPEC, replicas: 6 } }));
  await world.settle();
  scale(world, 1);
  await world.settle();
  world.fake.edit(kinds.mcpFleet, 'team', 'notes', (found) => ({ ...found, spec: { ...SPEC, replicas: 0 } }));
  await world.settle();
  expect(await record.seen()).toEqual([2, 6, 1, 6, 0]);
  expect(world.condition('Available')).toMatchObject({ status: 'False', reason: 'ScaledToZero' });
});

test('a number that the resource does not ask for is left alone', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  scale(world, 4);
  const before = world.writes();
  await world.pass();
  world.want({ nodeSelector: { disk: 'ssd' } });
  await world.settle();
  expect(world.deployment()?.spec?.replicas).toBe(4);
  expect(world.writes()).toBeGreaterThan(before);
});
