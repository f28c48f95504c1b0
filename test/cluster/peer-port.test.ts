import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { kubectl } from './command.ts';
import { optionsFor } from './dial.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { send } from './mcp-wire.ts';
import { metric } from './metrics.ts';

const PEER_PORT = 8001;
const STRANGER = 'stranger';

let fleet: FleetUnderTest;

beforeAll(async () => {
  fleet = await FleetUnderTest.ofLab('berth-peer-port', 'parkable', { replicas: 2, server: {} });
  await fleet.kubectl('create', 'serviceaccount', STRANGER);
});

afterAll(async () => {
  await fleet?.remove();
});

test('plain HTTP on the peer port is refused and counted', async () => {
  const podIP = await anyPodIP();
  const url = await fleet.url('/mcp');
  url.port = String(PEER_PORT);
  const before = await refused(podIP, 'no-proof');
  const answer = await send(optionsFor({ address: podIP, keepAlive: false }), 'POST', url, {}, '{}');
  expect(answer.status).toBe(401);
  expect(await refused(podIP, 'no-proof')).toBe(before + 1);
});

test("a pod that is not behind the peer Service is refused in spite of the fleet's own token", async () => {
  const caller = await startCaller('outside', { serviceAccount: fleet.name, peer: false });
  expect(await callFrom(caller, 'unknown-address')).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('unknown-address'),
  });
});

test('a pod of another ServiceAccount is refused in spite of the right audience and a place behind the peer Service', async () => {
  const caller = await startCaller('other-account', { serviceAccount: STRANGER, peer: true });
  expect(await callFrom(caller, 'bad-proof')).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('bad-proof'),
  });
});

test("a pod behind the peer Service with the fleet's own token is let in", async () => {
  const caller = await startCaller('inside', { serviceAccount: fleet.name, peer: true });
  const { stdout } = await fleet.kubectl('exec', caller, '--', 'node', '/server/caller.js', await anyPeer());
  expect(JSON.parse(stdout)).toEqual({ greeted: await anyPeer() });
});

/** Calls from a pod; answers how that went, once the pod that was called has counted it. */
async function callFrom(caller: string, reason: string): Promise<unknown> {
  onTestFailed(async () => console.error(await fleet.lastWords()));
  const podIP = await anyPodIP();
  const before = await refused(podIP, reason);
  const { stdout } = await fleet.kubectl('exec', caller, '--', 'node', '/server/caller.js', await anyPeer());
  const after = await refused(podIP, reason);
  console.info(`${caller}: ${stdout.trim()}, mcp_peer_calls_refused_total{reason="${reason}"} ${before} → ${after}`);
  expect(after).toBe(before + 1);
  return JSON.parse(stdout);
}

async function refused(podIP: string, reason: string): Promise<number> {
  return metric(await fleet.metricsOf(podIP), `mcp_peer_calls_refused_total{reason="${reason}"}`) ?? 0;
}

/** The same pod of the Deployment's every time. */
async function anyPodIP(): Promise<string> {
  const pods = await fleet.pods();
  const own = pods.filter(({ metadata }) => metadata.name.startsWith(`${fleet.name}-`));
  return own.map(({ status }) => status.podIP).toSorted()[0] ?? '';
}

async function anyPeer(): Promise<string> {
  return `${await anyPodIP()}:${PEER_PORT}`;
}

/** Starts a pod that has a token for the fleet's peers and does nothing; one that is to be a peer has the labels of one. */
async function startCaller(
  name: string,
  { serviceAccount, peer }: { readonly serviceAccount: string; readonly peer: boolean },
): Promise<string> {
  const labels = { 'app.kubernetes.io/instance': fleet.name, 'app.kubernetes.io/name': 'mcp-server' };
  const audience = `berth/${fleet.namespace}/${fleet.name}`;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: fleet.namespace, labels: peer ? labels : {} },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'caller',
          image: process.env['BERTH_LAB_IMAGE'],
          imagePullPolicy: 'IfNotPresent',
          command: ['node', '-e', 'setInterval(() => {}, 60_000)'],
          env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          // Never, so that no client is led to it.
          readinessProbe: { exec: { command: ['node', '-e', 'process.exit(1)'] }, periodSeconds: 60 },
          volumeMounts: [{ name: 'identity', mountPath: '/var/run/secrets/berth', readOnly: true }],
        },
      ],
      volumes: [
        {
          name: 'identity',
          projected: {
            sources: [{ serviceAccountToken: { path: 'peer-token', audience, expirationSeconds: 3600 } }],
          },
        },
      ],
    },
  };
  await kubectl(['create', '-f', '-'], JSON.stringify(pod));
  await eventually(`pod ${name}`, 60_000, async () => {
    const { status } = await fleet.get<{ readonly status: { readonly phase: string } }>('pod', name);
    return status.phase === 'Running' ? true : undefined;
  });
  return name;
}
