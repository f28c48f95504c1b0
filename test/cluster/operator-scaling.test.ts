import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, onTestFailed, test } from 'vitest';
import { connect } from '../../src/kube/connect.ts';
import type { KubeApi } from '../../src/kube/kube-api.ts';
import { AutoscalerWatch, SYNC_PERIOD_MS } from './autoscaler.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { LabCrowd } from './lab-crowd.ts';
import { OperatorUnderTest } from './operator.ts';

const CAP = 20;
const SERVER = { maxConnections: CAP, drainDelay: '2s', drainWindow: '3s', longestCall: '10s', parkAfter: '10m' };
const SPREAD = { service: { sessionAffinity: 'None' } };
/** The defaults' windows are minutes long; their arithmetic is tested apart. This one is longer than a deletion cost may lag. */
const SHRINK_SOON = {
  scaleDown: { stabilizationWindowSeconds: 40, policies: [{ type: 'Pods', value: 1, periodSeconds: 5 }] },
};
/** What the operator may add to the autoscaler's loop. */
const OURS_MS = 5_000;

let operator: OperatorUnderTest;
let api: KubeApi;
let fleet: FleetUnderTest | undefined;
let watch: AutoscalerWatch | undefined;

beforeAll(async () => {
  operator = await OperatorUnderTest.install();
  api = await connect({});
});

afterEach(async () => {
  await watch?.stop();
  await fleet?.remove();
});

afterAll(async () => {
  await operator?.uninstall();
});

/** Has sessions come in steps, each as large as the room that is kept free, and prints how soon each was seen. */
async function grow(
  crowd: LabCrowd,
  seen: AutoscalerWatch,
  steps: readonly { add: number; pods: number }[],
): Promise<void> {
  const reactions: number[] = [];
  for (const { add, pods } of steps) {
    const began = Date.now();
    await crowd.grow(add);
    await eventually(`the decision for ${pods} pods`, 60_000, async () => (seen.desired >= pods ? true : undefined));
    reactions.push(Date.now() - began);
    await fleet?.rolledOut(60);
    await eventually(`${pods} pods`, 30_000, async () => ((await fleet?.pods())?.length === pods ? true : undefined));
    await fleet?.spreads(pods, 30_000);
  }
  const median = reactions.toSorted((a, b) => a - b)[Math.floor(reactions.length / 2)] ?? 0;
  console.info(`from a step of the load to the decision: ${reactions.join(', ')} ms, median ${median}`);
  expect(median).toBeLessThanOrEqual(SYNC_PERIOD_MS + OURS_MS);
}

/** Waits for one pod, and holds against each other what was deleted and what there was to choose from. */
async function shrinkToOne(lab: FleetUnderTest, seen: AutoscalerWatch): Promise<void> {
  await lab.settledAt(1, 240_000);
  console.info(`deleted: ${JSON.stringify(seen.deleted)}`);
  for (const { pod, held } of seen.deleted) expect(held[pod]).toBe(Math.min(...Object.values(held)));
}

async function nothingLost(crowd: LabCrowd): Promise<void> {
  const { details, ...tally } = await crowd.leave();
  console.info(JSON.stringify(tally));
  if (details.length > 0) console.error(details.join('\n'));
  expect(tally.failures).toEqual({});
}

function lastWords(lab: FleetUnderTest): void {
  onTestFailed(async () => console.error(await lab.lastWords(), await operator.lastWords()));
}

test('a fleet grows with its sessions, shrinks with them, and loses none', async () => {
  const lab = await FleetUnderTest.asResource('berth-scaling', {
    server: SERVER,
    ...SPREAD,
    autoscaling: { enabled: true, maxReplicas: 4, buffer: 16, behavior: SHRINK_SOON },
  });
  fleet = lab;
  lastWords(lab);
  const seen = new AutoscalerWatch(api, lab);
  watch = seen;
  const crowd = new LabCrowd(lab);
  await crowd.grow(2);
  await eventually('an active autoscaler', 60_000, async () =>
    seen.active === 'True ValidMetricFound' ? true : undefined,
  );
  await grow(crowd, seen, [
    { add: 16, pods: 2 },
    { add: 16, pods: 3 },
    { add: 16, pods: 4 },
  ]);
  expect(seen.active).toBe('True ValidMetricFound');

  const before = seen.replicas.length;
  for (const enabled of [false, true]) {
    await lab.kubectl(
      'patch',
      'mcpfleet',
      lab.name,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { autoscaling: { enabled } } }),
    );
    await eventually(`autoscaling ${enabled}`, 30_000, async () => {
      const { items } = await lab.get<{ readonly items: readonly object[] }>('hpa');
      return items.length === Number(enabled) ? true : undefined;
    });
    await sleep(3_000);
  }
  expect(seen.replicas.slice(before), 'replicas while autoscaling went off and on').toEqual([]);

  await crowd.shrinkTo(18);
  await lab.settledAt(2, 120_000);
  await crowd.shrinkTo(2);
  await shrinkToOne(lab, seen);
  console.info(`replicas: ${seen.replicas.join(', ')}`);
  expect(seen.replicas).toEqual([1, 2, 3, 4, 3, 2, 1]);
  await nothingLost(crowd);
});

test('so does one that plain manifests made', async () => {
  const lab = await FleetUnderTest.ofLab('berth-plain-scaling', 'parkable', {
    server: SERVER,
    ...SPREAD,
    autoscaling: { enabled: true, maxReplicas: 3, behavior: SHRINK_SOON },
  });
  fleet = lab;
  lastWords(lab);
  const seen = new AutoscalerWatch(api, lab);
  watch = seen;
  const crowd = new LabCrowd(lab);
  await crowd.grow(2);
  await eventually('an active autoscaler', 60_000, async () =>
    seen.active === 'True ValidMetricFound' ? true : undefined,
  );
  await grow(crowd, seen, [
    { add: 16, pods: 2 },
    { add: 16, pods: 3 },
  ]);
  await crowd.shrinkTo(3);
  await shrinkToOne(lab, seen);
  expect(seen.replicas).toEqual([1, 2, 3, 2, 1]);
  await nothingLost(crowd);
});
