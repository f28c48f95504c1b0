import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest';
import { kubectl } from './command.ts';
import { optionsFor, type Route } from './dial.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest, type Pod } from './fleet.ts';
import { initializeMessage, send } from './mcp-wire.ts';
import { metric } from './metrics.ts';
import { type LegacySession, openSession, withModernClient } from './sdk-clients.ts';

const CAP = 6;
const REPLICAS = 2;
/** Seconds. */
const DRAIN = { delay: 5, window: 3, longestCall: 10 } as const;
const ADMIN_PORT = 9464;
const MCP_PORT = 8000;

const STREAMS = 'mcp_open_streams{kind="standalone"}';

/** A tool of the bundled example server, and what it answers. */
const ADD = { name: 'add', arguments: { a: 19, b: 23 } } as const;
const SUM = [{ type: 'text', text: '42' }];

const LOOK_AROUND = `
  const { existsSync, writeFileSync } = require('node:fs');
  let write = 'done';
  try { writeFileSync('/tmp/x', ''); } catch (error) { write = error.code; }
  const npm = existsSync('/usr/local/lib/node_modules') || existsSync('/usr/local/bin/npm');
  console.log(JSON.stringify({ user: process.getuid(), npm, modules: existsSync('/app/node_modules'), write }));
`;

let fleet: FleetUnderTest;

beforeAll(async () => {
  fleet = await FleetUnderTest.prepare('berth-fleet', {
    server: {
      maxConnections: CAP,
      drainDelay: `${DRAIN.delay}s`,
      drainWindow: `${DRAIN.window}s`,
      longestCall: `${DRAIN.longestCall}s`,
    },
    autoscaling: { enabled: true, minReplicas: REPLICAS, maxReplicas: 4 },
  });
  // Kubernetes tells the pods of a namespace where its Services are: this one would set BERTH_PORT to a URL.
  await fleet.kubectl('create', 'service', 'clusterip', 'berth', '--tcp=80:8000');
});

afterAll(async () => {
  await fleet?.remove();
});

describe('a fleet from what cdk8s synth wrote', () => {
  test('passes strict validation by the API server without a warning', async () => {
    const { stderr } = await fleet.apply('--dry-run=server');
    expect(stderr).toBe('');
  });

  test('is applied under Pod Security "restricted" without a warning, and becomes available', async () => {
    onTestFailed(async () => console.error(await fleet.lastWords()));
    const { stderr } = await fleet.apply();
    expect(stderr).toBe('');
    await fleet.rolledOut(60);
    // The Deployment leaves its replicas to the autoscaler, which looks every 15 s.
    await eventually(`${REPLICAS} pods`, 60_000, async () =>
      (await fleet.pods()).length === REPLICAS ? true : undefined,
    );
    await fleet.rolledOut(60);
    await fleet.reachable(30_000);
    const restarts = (await fleet.pods()).map((pod) => pod.status.containerStatuses[0]?.restartCount);
    expect(restarts).toEqual([0, 0]);
  });

  test('has an autoscaler on its connections, a disruption budget and a network policy', async () => {
    const scaler = await fleet.get<Scaler>('horizontalpodautoscaler', fleet.name);
    expect(scaler.spec.scaleTargetRef).toMatchObject({ kind: 'Deployment', name: fleet.name });
    expect(scaler.spec.metrics[0]?.pods.metric.name).toBe('mcp_active_connections');
    expect(scaler.spec.metrics[0]?.pods.target.averageValue).toBe(String(Math.floor(CAP * 0.7)));
    const budget = await fleet.get<{ spec: object }>('poddisruptionbudget', fleet.name);
    expect(budget.spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    const policy = await fleet.get<{ spec: { policyTypes: string[] } }>('networkpolicy', fleet.name);
    expect(policy.spec.policyTypes).toEqual(['Ingress']);
  });

  test('gives a pod exactly the time that its drain may take', async () => {
    const deployment = await fleet.get<Deployment>('deployment', fleet.name);
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBe(
      DRAIN.delay + DRAIN.window + DRAIN.longestCall + 5,
    );
  });

  test('runs an image whose own health check holds, without root, npm or a file system that it can write', async () => {
    const dockerfile = await readFile('Dockerfile', 'utf8');
    const [, check] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(dockerfile) ?? [];
    await fleet.kubectl('exec', `deployment/${fleet.name}`, '--', ...(JSON.parse(check ?? '[]') as string[]));
    const { stdout } = await fleet.kubectl('exec', `deployment/${fleet.name}`, '--', 'node', '-e', LOOK_AROUND);
    expect(JSON.parse(stdout)).toEqual({ user: 1000, npm: false, modules: false, write: 'EROFS' });
  });

  test('answers a legacy client through the Service', async () => {
    const session = await openSession(await fleet.url('/mcp'), await throughService());
    expect((await session.client.callTool(ADD)).content).toMatchObject(SUM);
    await session.end();
  });

  test('answers a modern client through the Service', async () => {
    const content = await withModernClient(await fleet.url('/mcp'), await throughService(), async (client) => {
      return (await client.callTool(ADD)).content;
    });
    expect(content).toMatchObject(SUM);
  });

  test('keeps a client on one pod', async () => {
    // New sockets for every request: only the client's address is left to go by.
    const route = await throughService();
    const url = await fleet.url('/mcp');
    const sessions = await openSessions(CAP - 1, url, route);
    for (let round = 0; round < 3; round++) {
      for (const { client } of sessions) await client.callTool(ADD);
    }
    const home = optionsFor(route);
    const answers = await Promise.all(Array.from({ length: 8 }, async () => send(home, 'GET', await fleet.url('/'))));
    const servers = new Set(answers.map((answer) => (JSON.parse(answer.body) as { serverId: string }).serverId));
    expect(servers.size).toBe(1);
    const held = await Promise.all((await fleet.pods()).map(heldBy));
    expect(held.toSorted()).toEqual([0, CAP - 1]);
  });

  test('has pods that refuse the session past the cap of all, say so, and stay Ready', async () => {
    const pod = await anyPod();
    const route: Route = { address: pod.status.podIP, keepAlive: false };
    const url = await podUrl('/mcp');
    const sessions = await openSessions(REPLICAS * CAP, url, route);
    // A session of the example that no stream holds would be parked to make room.
    await eventually('a stream of every session', 10_000, async () => {
      const streams = await Promise.all((await fleet.pods()).map(async (one) => metric(await metricsOf(one), STREAMS)));
      return streams.every((open) => open === CAP) ? true : undefined;
    });

    const message = initializeMessage();
    const refusal = await send(optionsFor(route), 'POST', url, message.headers, message.body);
    expect(refusal.status).toBe(503);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(JSON.parse(refusal.body)).toMatchObject({ jsonrpc: '2.0', error: { message: expect.any(String) } });

    // Longer than it would take readiness probes to take the pod out.
    const full = Date.now();
    while (Date.now() - full < 20_000) {
      const health = await send(optionsFor(route), 'GET', await podUrl('/health-check'));
      expect(health.status).toBe(200);
      for (const { client } of sessions) await client.callTool(ADD);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    const metrics = await metricsOf(pod);
    expect(metric(metrics, 'mcp_active_connections')).toBeCloseTo(CAP, 1);
    expect(metric(metrics, 'mcp_max_connections')).toBe(CAP);
    expect(metric(metrics, 'mcp_connections_refused_total')).toBeGreaterThan(0);
    expect(readiness(await samePod(pod))).toEqual(readiness(pod));

    await sessions[0]?.end();
    const [next] = await openSessions(1, url, route);
    for (const session of [next, ...sessions]) await session?.end();
    expect(await heldBy(pod)).toBe(0);
  });

  test('is applied again without a change', async () => {
    const { stdout } = await kubectl(['diff', '-f', fleet.manifests]);
    expect(stdout).toBe('');
  });
});

interface Scaler {
  readonly spec: {
    readonly scaleTargetRef: object;
    readonly metrics: readonly {
      readonly pods: { readonly metric: { readonly name: string }; readonly target: { readonly averageValue: string } };
    }[];
  };
}

interface Deployment {
  readonly spec: { readonly template: { readonly spec: { readonly terminationGracePeriodSeconds: number } } };
}

/** Sessions that are gone after the test, so that it leaves every slot to the next. */
async function openSessions(count: number, url: URL, route: Route): Promise<readonly LegacySession[]> {
  const sessions: LegacySession[] = [];
  onTestFinished(async () => {
    for (const session of sessions) await session.end();
  });
  for (let i = 0; i < count; i++) sessions.push(await openSession(url, route));
  return sessions;
}

async function throughService(): Promise<Route> {
  return { address: await fleet.address(), keepAlive: false };
}

async function podUrl(where: string): Promise<URL> {
  const url = await fleet.url(where);
  url.port = String(MCP_PORT);
  return url;
}

async function anyPod(): Promise<Pod> {
  const [pod] = await fleet.pods();
  if (pod === undefined) throw new Error('the fleet has no pod');
  return pod;
}

async function samePod(pod: Pod): Promise<Pod> {
  return await fleet.get<Pod>('pod', pod.metadata.name);
}

function readiness(pod: Pod) {
  const ready = pod.status.conditions.find((condition) => condition.type === 'Ready');
  return { status: ready?.status, since: ready?.lastTransitionTime };
}

async function metricsOf(pod: Pod): Promise<string> {
  const url = await podUrl('/metrics');
  url.port = String(ADMIN_PORT);
  return (await send(optionsFor({ address: pod.status.podIP, keepAlive: false }), 'GET', url)).body;
}

/** Whole connections: short modern requests count as a mean over 15 s. */
async function heldBy(pod: Pod): Promise<number | undefined> {
  const held = metric(await metricsOf(pod), 'mcp_active_connections');
  return held === undefined ? undefined : Math.round(held);
}
