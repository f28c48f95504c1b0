import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { readOperatorConfig } from '../../src/config/operator-config.ts';
import { kinds } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { operate } from '../../src/operator/operator.ts';
import { OperatorMetrics } from '../../src/operator/operator-metrics.ts';
import type { McpFleetResource } from '../../src/operator/reconcile/mcp-fleet-resource.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { FakePods } from '../fixtures/fake-pods.ts';
import { freePorts } from '../fixtures/free-ports.ts';
import { podsOf, resourceOf, type SimulatedFleet, settle, surroundings } from '../fixtures/simulated-fleets.ts';

const FLEETS = 50;
const PODS = 10;
const SOON = { timeout: 20_000, interval: 50 };
const WRITE = /^(create|update|patch|apply|delete) (?!leases)/;

/** A cluster of many fleets, with pods that hold connections already. */
async function startCluster() {
  const fake = await FakeKubeApi.start();
  onTestFinished(() => fake.stop());
  const [adminPort = 0] = await freePorts(1);
  const fleets = Array.from({ length: FLEETS }, (_, fleet): SimulatedFleet => {
    const addresses = Array.from({ length: PODS }, (_, pod) => `127.18.${fleet}.${pod + 1}`);
    return { namespace: `team-${fleet % 5}`, name: `notes-${fleet}`, addresses, adminPort };
  });
  const pods = await FakePods.listen(
    fleets.flatMap(({ addresses }) => addresses),
    adminPort,
  );
  onTestFinished(() => pods.close());
  // Less than a step of the deletion cost, so that there is nothing to write of them.
  pods.hold((index) => index % 50);
  for (const object of [...surroundings(), ...fleets.flatMap((fleet) => [resourceOf(fleet), ...podsOf(fleet)])]) {
    fake.put(object);
  }
  return { fake, fleets, shown: () => fake.objects<McpFleetResource>(kinds.mcpFleet).map(({ status }) => status) };
}

/** A replica of the operator; the test ends when it has left. */
async function startReplica(fake: FakeKubeApi, identity: string) {
  const [adminPort = 0, metricsPort = 0] = await freePorts(2);
  const ports = { adminPort: String(adminPort), metricsPort: String(metricsPort) };
  const config = readOperatorConfig({ host: '127.0.0.1', ...ports, scrapeInterval: '500ms' }, {});
  const [metrics, end] = [new OperatorMetrics(), new AbortController()];
  const place = { identity, namespace: 'berth-system' };
  const options = { api: fake.api(), config, log: pino({ level: 'silent' }), metrics, place, clock: Date.now };
  const ended = operate(options, end.signal);
  onTestFinished(async () => {
    end.abort();
    await ended;
  });
  const sumOf = async (metric: { get(): Promise<{ values: { value: number }[] }> }) =>
    (await metric.get()).values.reduce((sum, { value }) => sum + value, 0);
  return {
    leave: () => end.abort(),
    passes: () => sumOf(metrics.reconciles),
    leads: async () => (await sumOf(metrics.leading)) === 1,
    hasAsked: async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).text(),
  };
}

/** What was asked for during a piece of work. */
async function requestsDuring(fake: FakeKubeApi, work: () => Promise<unknown>) {
  const before = { ...fake.requests };
  await work();
  const more = Object.entries(fake.requests).map(([what, count]) => [what, count - (before[what] ?? 0)] as const);
  const requests = Object.fromEntries(more.filter(([, count]) => count > 0));
  const writes = Object.fromEntries(more.filter(([what, count]) => count > 0 && WRITE.test(what)));
  return { requests, writes, total: more.reduce((sum, [, count]) => sum + count, 0) };
}

test('fleets that are as they should be are written neither in a pass over all of them nor by another leader', async () => {
  const { fake, fleets, shown } = await startCluster();
  /** Has every fleet looked at again, for a change that concerns none of their objects. */
  const passOverAll = async ({ passes }: { passes(): Promise<number> }) => {
    const before = await passes();
    for (const { namespace, name } of fleets) {
      fake.edit<KubeObject>(kinds.mcpFleet, namespace, name, (fleet) => {
        const annotations = { ...fleet.metadata.annotations, 'example.com/touched': `${before}` };
        return { ...fleet, metadata: { ...fleet.metadata, annotations } };
      });
    }
    await expect.poll(passes, SOON).toBeGreaterThanOrEqual(before + FLEETS);
  };

  const first = await startReplica(fake, 'first');
  await expect.poll(() => shown().filter((status) => status !== undefined).length, SOON).toBe(FLEETS);
  await settle(fake.api());
  const areAllWell = () =>
    shown().filter((status) =>
      ['MetricsAvailable True', 'Available True', 'Progressing False', 'AtCapacity False'].every((wanted) =>
        status?.conditions?.some(({ type, status: is }) => `${type} ${is}` === wanted),
      ),
    ).length;
  await expect.poll(areAllWell, SOON).toBe(FLEETS);
  await passOverAll(first);

  const steady = await requestsDuring(fake, () => passOverAll(first));
  expect(steady.writes).toEqual({});

  const second = await startReplica(fake, 'second');
  const changed = await requestsDuring(fake, async () => {
    await expect.poll(second.hasAsked, SOON).not.toContain('asked');
    first.leave();
    await expect.poll(second.leads, SOON).toBe(true);
    await expect.poll(second.passes, SOON).toBeGreaterThanOrEqual(FLEETS);
    await passOverAll(second);
  });
  expect(changed.writes).toEqual({});
  // As many as there are kinds, however many fleets there are: a list and a watch for each, and a few of the Lease.
  expect(changed.total, JSON.stringify(changed.requests)).toBeLessThan(60);
});
