import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { API_SERVICE_NAMES, type ApiService } from '../../src/operator/api-services/api-service.ts';
import { CertificateStore } from '../../src/operator/certificates/certificate-store.ts';
import { lead } from '../../src/operator/leader.ts';
import { OperatorMetrics } from '../../src/operator/operator-metrics.ts';
import type { McpFleetResource } from '../../src/operator/reconcile/mcp-fleet-resource.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { createWorld, podOf, reportOf } from './pods.ts';

const SOON = { timeout: 10_000 };
const service = { namespace: 'berth-system', name: 'berth-operator' };
const named = ({ apiVersion, kind }: { apiVersion: string; kind: string }, name: string, namespace?: string) => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
});

/** A cluster with the fleet `mcp/notes`, and a leader whose clock stands still: it does nothing that it is not told of. */
async function startLeader() {
  const fake = await FakeKubeApi.start();
  onTestFinished(() => fake.stop());
  fake.put(named(kinds.clusterRole, service.name));
  const spec = {
    image: { repository: 'registry.example.com/notes', tag: '1' },
    server: { source: '/server/server.ts' },
  };
  fake.put<KubeObject & { spec: object }>({ ...named(kinds.mcpFleet, 'notes', 'mcp'), spec });
  const { pods, readings, has, hears } = createWorld();
  const [api, log, metrics] = [fake.api(), pino({ level: 'silent' }), new OperatorMetrics()];
  const now = Date.now();
  const clock = () => now;
  const store = new CertificateStore({ api, service, log, clock, onChange: () => {} });
  const common = { api, service, pods, readings, store, metrics, log, clock };
  const end = new AbortController();
  const begin = () => {
    const leading = lead({ ...common, identity: 'berth-operator-0', namespaces: undefined }, end.signal);
    const running = Promise.all([store.run(end.signal), leading]);
    onTestFinished(async () => {
      end.abort();
      await running;
    });
    return running;
  };
  const fleet = () => fake.get<McpFleetResource>(kinds.mcpFleet, 'mcp', 'notes');
  const metricsAvailable = () => fleet()?.status?.conditions?.find(({ type }) => type === 'MetricsAvailable')?.reason;
  return { fake, end, begin, fleet, metricsAvailable, has, hears, metrics };
}

test('fleets say what becomes of the metrics API as soon as that is known', async () => {
  const { fake, begin, metricsAvailable } = await startLeader();
  begin();
  await expect.poll(metricsAvailable, SOON).toBe('NotReady');
  fake.put<KubeObject & { endpoints: unknown; ports: unknown }>({
    ...named(kinds.endpointSlice, 'berth-operator-1', service.namespace),
    metadata: { ...service, name: 'berth-operator-1', labels: { 'kubernetes.io/service-name': service.name } },
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'metrics-api', port: 8443 }],
  });
  await expect.poll(metricsAvailable, SOON).toBe('Unavailable');
  for (const name of API_SERVICE_NAMES) {
    fake.edit<ApiService>(kinds.apiService, undefined, name, (found) => ({
      ...found,
      status: { conditions: [{ type: 'Available', status: 'True', reason: 'Passed', message: '' }] },
    }));
  }
  await expect.poll(metricsAvailable, SOON).toBe('Registered');
});

test('as long as nothing is known of the metrics API, fleets say what was said of it last', async () => {
  const { fake, begin, fleet, metricsAvailable } = await startLeader();
  const since = { observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' };
  const registered = { type: 'MetricsAvailable', status: 'True', reason: 'Registered', message: 'Served.', ...since };
  fake.edit(kinds.mcpFleet, 'mcp', 'notes', (found) => ({ ...found, status: { conditions: [registered] } }));
  fake.failNext('get apiservices', 503, 1_000);
  begin();
  await expect.poll(() => fleet()?.status?.conditions, SOON).toHaveLength(5);
  expect(metricsAvailable()).toBe('Registered');
});

test('a fleet shows what its pods hold, and that somebody else writes their deletion costs', async () => {
  const { begin, fleet, has, hears } = await startLeader();
  has(podOf('a', { cost: { value: 7, foreign: true } }));
  hears('a', reportOf(30));
  begin();
  await expect.poll(() => fleet()?.status, SOON).toMatchObject({ connections: 30, capacity: 100 });
  await expect
    .poll(() => fleet()?.status?.conditions, SOON)
    .toContainEqual(expect.objectContaining({ reason: 'DeletionCostTaken' }));
});

test('a leader that has to go asks for nothing more', async () => {
  const { fake, end, begin, fleet, metrics } = await startLeader();
  const running = begin();
  await expect.poll(() => fleet()?.status, SOON).toBeDefined();
  expect(await metrics.registry.getSingleMetricAsString('berth_operator_queued_fleets')).toContain(' 1');
  end.abort();
  await running;
  const before = { ...fake.requests };
  fake.remove(kinds.deployment, 'mcp', 'notes');
  fake.edit(kinds.mcpFleet, 'mcp', 'notes', (found) => ({ ...found, spec: {} }));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(fake.requests).toEqual(before);
  expect(await metrics.registry.getSingleMetricAsString('berth_operator_queued_fleets')).toContain(' 0');
});
