import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { imageBundle } from '../scripts/bundles.ts';
import { httpConnection } from '../src/kube/connection.ts';
import { KubeApi } from '../src/kube/kube-api.ts';
import { FakeKubeApiProcess } from '../test/fixtures/fake-kube-api/process.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { podsOf, resourceOf, type SimulatedFleet, settle, surroundings } from '../test/fixtures/simulated-fleets.ts';
import { type Answers, Autoscalers } from './operator/autoscalers.ts';
import { OperatorProcess } from './operator/operator-process.ts';
import { PodsProcesses } from './operator/pods-process.ts';
import { type Load, loadDuring, sayLoad } from './operator/request-meter.ts';
import { megabytes, sayWork, type Work, workOf } from './operator/work-of.ts';
import { percentile } from './spread.ts';

// The operator of many fleets: what it costs, and what it asks of the API server. The API server and the pods are
// simulated, in processes of their own. Usage: operator.ts [--fleets 1000] [--pods 10000] [--namespaces 20]
// [--seconds 60] [--node-flags=…]
const { values } = parseArgs({
  options: {
    fleets: { type: 'string', default: '1000' },
    pods: { type: 'string', default: '10000' },
    namespaces: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '60' },
    // What Node 24 takes by itself in a container with the 512 MiB of manifests/operator.yaml.
    'node-flags': { type: 'string', default: '--max-old-space-size=256 --max-semi-space-size=1' },
  },
});
const count = Number(values.fleets);
const perFleet = Math.round(Number(values.pods) / count);
const phaseMs = Number(values.seconds) * 1_000;
/** Of 1,000 slots: numbers below a step of the deletion cost ask for no writes. */
const LESS_THAN_A_STEP = 50;
/** Longer than the time after which a fleet is looked at again. */
const QUIET_MS = 12_000;

const print = (line: string) => process.stdout.write(`${line}\n`);
const since = (begun: number) => `${((performance.now() - begun) / 1_000).toFixed(1)} s`;

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const begun = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begun > 600_000) throw new Error(`Waited for ten minutes until ${isSo}`);
    await sleep(100);
  }
}

function simulatedFleets(adminPort: number): SimulatedFleet[] {
  const addressOf = (pod: number) => `127.16.${Math.floor(pod / 250)}.${(pod % 250) + 1}`;
  return Array.from({ length: count }, (_, fleet) => ({
    namespace: `team-${fleet % Number(values.namespaces)}`,
    name: `notes-${fleet}`,
    addresses: Array.from({ length: perFleet }, (_, pod) => addressOf(fleet * perFleet + pod)),
    adminPort,
  }));
}

const folder = mkdtempSync(join(tmpdir(), 'berth-operator-'));
const cleanUp: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

async function startOperator(url: string, name: string): Promise<OperatorProcess> {
  const program = join(folder, 'image', 'cli', 'main.js');
  const nodeFlags = values['node-flags'].split(' ').filter((flag) => flag !== '');
  const probe = join(folder, 'image', 'probe.js');
  const operator = await OperatorProcess.start({ program, probe, url, name, folder, nodeFlags });
  cleanUp.push(() => operator.stop('SIGKILL'));
  return operator;
}

async function run(): Promise<void> {
  // The probe as well: to read it as TypeScript would cost the operator's process some 25 MB.
  const entryPoints = {
    ...imageBundle.entryPoints,
    probe: fileURLToPath(new URL('operator/probe.ts', import.meta.url)),
  };
  await build({ ...imageBundle, entryPoints, outdir: join(folder, 'image') });
  writeFileSync(join(folder, 'image', 'package.json'), '{"type":"module"}\n');
  const [adminPort = 0] = await freePorts(1);
  const fleets = simulatedFleets(adminPort);
  const autoscalers = await Autoscalers.create();
  const fake = await FakeKubeApiProcess.start();
  cleanUp.push(() => fake.stop());
  const pods = await PodsProcesses.start(
    fleets.flatMap(({ addresses }) => addresses),
    adminPort,
  );
  cleanUp.push(() => pods.stop());
  await pods.hold(LESS_THAN_A_STEP);
  await fake.put(surroundings(autoscalers.requestHeaders));
  for (let start = 0; start < count; start += 100) {
    await fake.put(fleets.slice(start, start + 100).flatMap((fleet) => [resourceOf(fleet), ...podsOf(fleet)]));
  }
  print(`${count} MCPFleets with ${count * perFleet} pods in ${values.namespaces} namespaces`);

  const requests = () => fake.requests();
  const phase = async (operator: OperatorProcess, during: () => Promise<unknown>): Promise<[Work, Load]> => {
    const done: Work[] = [];
    const load = await loadDuring(requests, async () => done.push(await workOf(operator, during)));
    const [work] = done as [Work];
    print(`  ${sayWork(work)}\n  ${sayLoad(load)}`);
    return [work, load];
  };
  const isQuiet = async () => (await loadDuring(requests, () => sleep(QUIET_MS))).writes === 0;

  print('\nFirst reconcile, from nothing');
  const first = await startOperator(fake.url, 'first');
  let begun = performance.now();
  const isMade = async () => ((await requests())['apply mcpfleets'] ?? 0) >= count;
  const made = await loadDuring(requests, async () => {
    await until(() => first.isReady());
    print(`  ready, with every pod asked once, after ${since(begun)}`);
    await until(isMade);
  });
  print(`  all have their objects and a status after ${since(begun)}\n  ${sayLoad(made)}`);
  const api = new KubeApi({ connection: httpConnection(fake.url) });
  cleanUp.push(() => api.close());
  await settle(api);
  await until(isQuiet);

  print('\nSteady: nothing changes');
  await phase(first, () => sleep(phaseMs));
  const { rss, heapUsed, external } = await first.memory();
  print(`  after gc: RSS ${megabytes(rss)}, heap ${megabytes(heapUsed)}, external ${megabytes(external)}`);

  print('\nThe same, with an autoscaler for each fleet');
  let answers: Answers = { took: [], statuses: {} };
  await phase(first, async () => {
    answers = await autoscalers.ask(first.metricsPort, fleets, phaseMs);
  });
  const { took, statuses } = answers;
  const [p50, p99] = [50, 99].map((share) => `${percentile(took, share).toFixed(1)} ms`);
  print(`  ${took.length} questions: p50 ${p50}, p99 ${p99}, statuses ${JSON.stringify(statuses)}`);

  print('\nA second replica comes');
  begun = performance.now();
  const second = await startOperator(fake.url, 'second');
  const joined = await loadDuring(requests, () => until(() => second.isReady()));
  print(`  ready, with every pod asked once, after ${since(begun)}\n  ${sayLoad(joined)}`);

  print('\nThe leader is killed');
  begun = performance.now();
  await first.stop('SIGKILL');
  await phase(second, async () => {
    await until(async () => (await second.metrics()).get('berth_operator_leading') === 1);
    print(`  the other one leads after ${since(begun)}`);
    const passes = async () => (await second.metrics()).get('berth_operator_reconciles_total{result="done"}') ?? 0;
    await until(async () => (await passes()) >= count);
    print(`  and has looked at every fleet after ${since(begun)}`);
    await sleep(phaseMs);
  });

  print('\nEvery pod holds another number of connections every 10 s');
  await pods.hold(1_000, 10_000);
  await phase(second, () => sleep(phaseMs));
}

try {
  await run();
} finally {
  for (const undo of cleanUp.reverse()) await undo();
}
process.exit();
