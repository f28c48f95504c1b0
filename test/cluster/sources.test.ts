import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { run } from './command.ts';
import { optionsFor } from './dial.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest, type Pod } from './fleet.ts';
import { exampleImage, imageUnderTest, splitImage } from './images.ts';
import { type Answer, initializeMessage, legacyMessage, resultOf, send } from './mcp-wire.ts';
import { openSession, withModernClient } from './sdk-clients.ts';
import { callSteadily, type SteadyClientOptions, sum, type Tally } from './steady-client.ts';

const REPLICAS = 2;
const CAP = 5;
/** Clients of each kind in a rollout; those of all kinds fit into one pod less than there are. */
const CLIENTS = 1;
const DRAIN = { drainDelay: '5s', drainWindow: '3s', longestCall: '10s' } as const;
const SLOW_SECONDS = 3;

interface Example {
  readonly name: string;
  /** Its values files. */
  readonly files: readonly string[];
  /** What its `image` is here, and other images that its values name. */
  readonly image: () => string;
  readonly more?: () => Readonly<Record<string, unknown>>;
  /** What its namespace must have before it. */
  readonly before?: (fleet: FleetUnderTest) => Promise<void>;
  /** A tool that answers 42 at once, and one that takes its time. */
  readonly quick: { readonly tool: string; readonly args: object };
  readonly slow: { readonly tool: string; readonly args: object };
  /** Whether sessions stay in their pod: others are parked to make room. */
  readonly resident: boolean;
  /** The eras that it serves. */
  readonly eras: readonly ('legacy' | 'modern')[];
}

const sum42 = { a: 19, b: 23 };
const waits = { tool: 'wait', args: { seconds: SLOW_SECONDS } };
const everything = {
  quick: { tool: 'get-sum', args: sum42 },
  slow: { tool: 'trigger-long-running-operation', args: { duration: SLOW_SECONDS, steps: SLOW_SECONDS } },
  resident: true,
  eras: ['legacy', 'modern'],
} as const;

const EXAMPLES: readonly Example[] = [
  {
    name: 'everything',
    files: ['examples/everything/values.yaml'],
    image: () => exampleImage('everything'),
    ...everything,
  },
  {
    name: 'added',
    files: ['examples/everything/values.yaml', 'examples/everything/added.yaml'],
    image: imageUnderTest,
    more: () => ({ server: { commandImage: imageValues(exampleImage('everything-alone')) } }),
    ...everything,
  },
  {
    name: 'python',
    files: ['examples/python/values.yaml'],
    image: imageUnderTest,
    more: () => ({ sidecar: { image: imageValues(exampleImage('python')) } }),
    quick: { tool: 'add', args: sum42 },
    slow: waits,
    resident: true,
    eras: ['legacy', 'modern'],
  },
  {
    name: 'configmap',
    files: ['examples/configmap/values.yaml'],
    image: imageUnderTest,
    before: makeConfigMap,
    quick: { tool: 'add', args: sum42 },
    slow: waits,
    resident: false,
    // Its own copy of the SDK is within the bundle, where nobody finds what serves the modern era.
    eras: ['legacy'],
  },
];

function imageValues(image: string) {
  const [repository, tag] = splitImage(image);
  return { repository, tag };
}

/** As the example's values file says. */
async function makeConfigMap(fleet: FleetUnderTest): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'berth-module-'));
  const outfile = path.join(folder, 'server.mjs');
  await build({
    entryPoints: ['examples/hello/server.ts'],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    outfile,
  });
  await fleet.kubectl('create', 'configmap', 'hello-server', `--from-file=${outfile}`);
  await rm(folder, { recursive: true });
}

async function started(
  { name, files, image, more, before }: Example,
  suffix: string,
  server: object,
  values: Readonly<Record<string, unknown>> = {},
): Promise<FleetUnderTest> {
  const { server: ownServer = {}, ...own } = (more?.() ?? {}) as { readonly server?: object };
  const merged = { ...own, ...values, server: { ...ownServer, ...DRAIN, ...server } };
  const fleet = await FleetUnderTest.prepare(`berth-${name}-${suffix}`, merged, image(), files);
  await before?.(fleet);
  return fleet;
}

describe.each(EXAMPLES.map((example) => [example.name, example] as const))('the example %s', (_, example) => {
  let fleet: FleetUnderTest;

  beforeAll(async () => {
    fleet = await started(example, 'example', { maxConnections: CAP }, { replicas: REPLICAS });
  });

  afterAll(async () => {
    await fleet?.remove();
  });

  test('is applied under Pod Security "restricted" without a warning, and becomes available', async () => {
    onTestFailed(async () => console.error(await fleet.lastWords()));
    const { stderr } = await fleet.apply();
    expect(stderr).toBe('');
    await fleet.rolledOut(120);
    await fleet.reachable(30_000);
    expect((await fleet.pods()).map(restarts)).toEqual(Array.from({ length: REPLICAS }, () => 0));
  });

  test('answers clients of its eras through the Service', async () => {
    onTestFailed(async () => console.error(await fleet.lastWords()));
    const [url, route] = [await fleet.url('/mcp'), { address: await fleet.address(), keepAlive: false }];
    const call = { name: example.quick.tool, arguments: { ...example.quick.args } };
    const session = await openSession(url, route);
    expect(JSON.stringify((await session.client.callTool(call)).content)).toContain('42');
    await session.end();
    if (!example.eras.includes('modern')) return;
    const content = await withModernClient(url, route, async (client) => (await client.callTool(call)).content);
    expect(JSON.stringify(content)).toContain('42');
  });

  test.runIf(example.resident)('admits exactly what its pods can hold together', async () => {
    onTestFailed(async () => console.error(await fleet.lastWords()));
    const [url, route] = [await fleet.url('/mcp'), optionsFor({ address: await fleet.address(), keepAlive: false })];
    const open = async () => {
      const { headers, body } = initializeMessage();
      return await send(route, 'POST', url, headers, body);
    };
    const held = async () => (await fleet.connections()).map(({ active }) => active);
    const opened: Answer[] = [];
    // Each may be a process that starts, which is work: a burst is another test's.
    while (opened.length < REPLICAS * CAP) opened.push(await open());
    for (const { status, body } of opened) if (status !== 200) console.error(status, body);
    const statuses = opened.map(({ status }) => status);
    const next = (await open()).status;
    const full = Array.from({ length: REPLICAS }, () => CAP);
    expect({ statuses, next, held: await held() }).toEqual({
      statuses: statuses.map(() => 200),
      next: 503,
      held: full,
    });
    const sessions = opened.map(({ headers }) => String(headers['mcp-session-id']));
    // Each is one of its own, and works.
    expect(new Set(sessions).size).toBe(REPLICAS * CAP);
    const { tool: name, args } = example.quick;
    for (const session of sessions) {
      const message = legacyMessage('tools/call', { name, arguments: args }, 1, session);
      expect(JSON.stringify(resultOf(await send(route, 'POST', url, message.headers, message.body)))).toContain('42');
    }
    const ended = sessions.map((session) => send(route, 'DELETE', url, { 'mcp-session-id': session }));
    expect((await Promise.all(ended)).map(({ status }) => status)).toEqual(statuses.map(() => 200));
    await eventually('an empty fleet', 15_000, async () =>
      (await held()).every((active) => active === 0) ? true : undefined,
    );
  });

  test('is replaced under load without a call that fails', async () => {
    onTestFailed(async () => console.error(await fleet.lastWords()));
    const before = (await fleet.pods()).map((pod) => pod.metadata.uid);
    const kinds = await clientKinds(fleet, example);
    const stop = new AbortController();
    const working = kinds.map((kind) =>
      Promise.all(Array.from({ length: CLIENTS }, () => callSteadily(kind, stop.signal))),
    );
    try {
      await sleep(3_000);
      await fleet.kubectl('rollout', 'restart', `deployment/${fleet.name}`);
      await fleet.rolledOut(180);
      // The last pod of the old generation is still draining.
      await fleet.settledAt(REPLICAS, 60_000);
      await sleep(2_000);
    } finally {
      stop.abort();
    }
    const tallies: readonly Tally[] = (await Promise.all(working)).map(sum);
    for (const [index, { era, route, tool }] of kinds.entries()) {
      const kind = `${era} era, ${route.keepAlive ? 'keep-alive' : 'new'} connections, ${tool}`;
      console.info(`${example.name}: ${kind}: ${JSON.stringify(tallies[index])}`);
    }
    expect(tallies.map((tally) => tally.failures)).toEqual(kinds.map(() => ({})));
    for (const { calls } of tallies) expect(calls).toBeGreaterThan(3);
    const after = (await fleet.pods()).map((pod) => pod.metadata.uid);
    expect(after.filter((uid) => before.includes(uid))).toEqual([]);
  });
});

async function clientKinds(
  fleet: FleetUnderTest,
  { quick, slow, eras }: Example,
): Promise<readonly SteadyClientOptions[]> {
  const [address, url] = [await fleet.address(), await fleet.url('/mcp')];
  const sources = process.env['CLUSTER_CLIENT_ADDRESSES']?.split(' ') ?? [];
  const kinds = [
    { era: 'legacy', keepAlive: false, call: quick },
    { era: 'legacy', keepAlive: true, call: slow },
    { era: 'modern', keepAlive: true, call: quick },
    { era: 'modern', keepAlive: false, call: slow },
  ] as const;
  const served = kinds.filter(({ era }) => eras.includes(era));
  return served.map(({ era, keepAlive, call: { tool, args } }, index) => ({
    era,
    url,
    // Several, where the network has them, so that session affinity does not lead everybody to one pod.
    route: { address, keepAlive, from: sources[index % Math.max(1, sources.length)] },
    tool,
    args,
    pause: 200,
  }));
}

/** What the example says taken away, key by key: berth does not wait for this one. */
const NONE = { exec: null, periodSeconds: null, timeoutSeconds: null, failureThreshold: null };

describe('a sidecar', () => {
  const example = EXAMPLES.find(({ name }) => name === 'python') as Example;
  let fleet: FleetUnderTest | undefined;

  afterAll(async () => {
    await fleet?.remove();
  });

  test('that is not there yet keeps its pod from being Ready, and never has it restarted', async () => {
    const late = 'import runpy, time; time.sleep(15); runpy.run_path("/server/server.py", run_name="__main__")';
    const image = imageValues(exampleImage('python'));
    const lab = await started(
      example,
      'late',
      {},
      { replicas: 1, sidecar: { image, command: ['python', '-c', late], startupProbe: NONE } },
    );
    fleet = lab;
    onTestFailed(async () => console.error(await lab.lastWords()));
    await lab.apply();
    const probe = async (pod: Pod, where: string) => {
      const url = await lab.url(where);
      url.port = '9464';
      return (await send(optionsFor({ address: pod.status.podIP, keepAlive: false }), 'GET', url)).status;
    };
    const pod = await eventually('a pod that lives', 30_000, async () => {
      const [first] = await lab.pods();
      if (first?.status.podIP === undefined) return undefined;
      return (await probe(first, '/livez').catch(() => 0)) === 200 ? first : undefined;
    });
    expect(await probe(pod, '/health-check')).toBe(503);
    expect(isReady((await lab.pods())[0])).toBe(false);
    await lab.rolledOut(60);
    expect(await probe(pod, '/health-check')).toBe(200);
    const [after] = await lab.pods();
    expect(after?.metadata.uid).toBe(pod.metadata.uid);
    expect(after === undefined ? undefined : restarts(after)).toBe(0);
  });

  test('ends after berth has', async () => {
    const lab = fleet as FleetUnderTest;
    onTestFailed(async () => console.error(await lab.lastWords()));
    await lab.reachable(30_000);
    const [pod] = await lab.pods();
    const name = pod?.metadata.name ?? '';
    const logs = ['berth', 'server'].map((container) =>
      run('kubectl', ['-n', lab.namespace, 'logs', '--follow', '--timestamps', '-c', container, name]),
    );
    await lab.kubectl('delete', 'pod', name, '--wait=false');
    const [ofBerth, ofServer] = await Promise.all(logs);
    const drained = timeOf(ofBerth?.stdout, 'Finished drain');
    const told = timeOf(ofServer?.stdout, 'Shutting down');
    const signalled = timeOf(ofBerth?.stdout, 'Received signal');
    console.info(
      `berth had ended ${drained - signalled} ms after it was told to, its sidecar was told ${told - drained} ms later`,
    );
    expect(told).toBeGreaterThanOrEqual(drained);
    expect(drained).toBeGreaterThan(signalled);
  });
});

/** When a container said something, in milliseconds. */
function timeOf(log: string | undefined, words: string): number {
  const line = log?.split('\n').find((one) => one.includes(words));
  if (line === undefined) throw new Error(`nobody said "${words}": ${log}`);
  return Date.parse(line.slice(0, line.indexOf(' ')));
}

function isReady(pod: Pod | undefined): boolean {
  return pod?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** Of all containers of a pod. */
function restarts({ status: { containerStatuses, initContainerStatuses = [] } }: Pod): number {
  return [...containerStatuses, ...initContainerStatuses].reduce((total, { restartCount }) => total + restartCount, 0);
}
