import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { connect } from '../../src/kube/connect.ts';
import { AutoscalerWatch, SYNC_PERIOD_MS } from './autoscaler.ts';
import { pki, signalPod } from './booted.ts';
import { eventually } from './eventually.ts';
import type { Pod } from './fleet.ts';
import { ask, metricValue } from './metrics-api.ts';
import { OperatorUnderTest } from './operator.ts';
import { PlayedFleet } from './played-fleet.ts';

const NAMESPACE = 'berth-silence';
const DEMAND = `v1beta2/namespaces/${NAMESPACE}/services/played/mcp_demand`;
/** With the target that a pod counts as when it has been silent for long. */
const WITH_TARGET = `${DEMAND}?metricLabelSelector=target%3D10`;
const PODS = `v1beta2/namespaces/${NAMESPACE}/pods/*/mcp_active_connections`;
/** How long a silent pod is taken at its word, and what the next round may add. */
const REPLAY_MS = 30_000;
const ROUND_MS = 4_000;
/** Two looks of the autoscaler. */
const TWO_SYNCS_MS = 2 * SYNC_PERIOD_MS + 2_000;

const fleet = new PlayedFleet(NAMESPACE);
let operator: OperatorUnderTest;
let watch: AutoscalerWatch;
let [first, second, third] = [] as readonly Pod[] as readonly [Pod, Pod, Pod];

beforeAll(async () => {
  operator = await OperatorUnderTest.install();
  await fleet.start(3);
  [first, second, third] = (await fleet.pods()) as unknown as readonly [Pod, Pod, Pod];
  watch = new AutoscalerWatch(await connect({}), fleet);
  await eventually('an active autoscaler', 60_000, async () =>
    watch.active === 'True ValidMetricFound' ? true : undefined,
  );
});

afterAll(async () => {
  await watch?.stop();
  await fleet.remove();
  await operator?.uninstall();
});

const lastWords = () => onTestFailed(async () => console.error(await operator.lastWords()));

async function demandIs(wanted: number, path = WITH_TARGET): Promise<void> {
  await eventually(`a demand of ${wanted}`, 20_000, async () =>
    (await metricValue(path)) === wanted ? true : undefined,
  );
}

/** For so long, or what was seen instead. */
async function demandStays(wanted: number, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(1_000))
    expect(await metricValue(WITH_TARGET)).toBe(wanted);
}

describe.skipIf(pki === undefined)('pods that say nothing', () => {
  test('a frozen one, one that answers garbage and one that is slow keep their last value, then count as the target', async () => {
    lastWords();
    await demandIs(30);
    await fleet.play(first, { active: 4 });
    await fleet.play(second, { active: 17 });
    await fleet.play(third, { active: 1 });
    await demandIs(22);
    const silent = Date.now();
    await signalPod(first.metadata.uid, 'SIGSTOP');
    await fleet.play(second, { active: 1, manner: 'garbage' });
    await demandStays(22, REPLAY_MS - ROUND_MS);
    await sleep(silent + REPLAY_MS + ROUND_MS - Date.now());
    // The frozen one counts as the target now, the other as what it said last, which is more.
    expect(await metricValue(WITH_TARGET)).toBe(10 + 17 + 1);
    const { body } = await ask(PODS);
    expect(body).toMatchObject({ items: [{ describedObject: { name: third.metadata.name }, value: '1' }] });
    await fleet.play(second, { active: 12, manner: 'slow' });
    await demandStays(28, 5_000);
    await fleet.play(second, { active: 12 });
    await demandIs(10 + 12 + 1);
    expect(watch.replicas).toEqual([3]);
  });

  test('when all are silent there is no number, and the autoscaler leaves the pods', async () => {
    lastWords();
    for (const pod of [second, third]) await signalPod(pod.metadata.uid, 'SIGSTOP');
    await eventually('no number', REPLAY_MS + ROUND_MS, async () =>
      (await ask(WITH_TARGET)).error.includes('ServiceUnavailable') ? true : undefined,
    );
    expect((await ask(PODS)).error).toContain('ServiceUnavailable');
    await eventually('an autoscaler without a number', TWO_SYNCS_MS, async () =>
      watch.active === 'False FailedGetObjectMetric' ? true : undefined,
    );
    await sleep(TWO_SYNCS_MS);
    expect(watch.replicas).toEqual([3]);
  });

  test('when they are back and hold less, it shrinks, and keeps the one that holds the most', async () => {
    lastWords();
    for (const pod of [first, second, third]) await signalPod(pod.metadata.uid, 'SIGCONT');
    await fleet.play(third, { active: 9 });
    for (const pod of [first, second]) await fleet.play(pod, { active: 0 });
    await eventually('one pod', 90_000, async () => ((await fleet.pods()).length === 1 ? true : undefined));
    const [left] = await fleet.pods();
    expect(left?.metadata.name).toBe(third.metadata.name);
  });
});
