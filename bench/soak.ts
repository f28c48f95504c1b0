import { get } from 'node:http';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Connections } from '../src/server/metrics.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { startServe } from './serve-process.ts';
import { ACTS, type ActName } from './soak-acts.ts';
import { Churn } from './soak-churn.ts';
import { SoakLog } from './soak-log.ts';
import { soakReport } from './soak-report.ts';
import { SAMPLE_FLAGS, sampleProcess, type TimedSample } from './soak-sample.ts';

// Whether anything of a server grows while clients of all kinds come and go. The churn stops every so often until the server
// holds nothing, and what it has then is compared. Exit code 1 when a claim does not hold. Usage:
// soak.ts [--minutes 30] (of churn) [--every 120] (seconds) [--warm-up MINUTES] [--clients 60] [--acts NAME,…] [--snapshots DIR]
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    every: { type: 'string' },
    'warm-up': { type: 'string' },
    clients: { type: 'string', default: '60' },
    storm: { type: 'string', default: '300' },
    acts: { type: 'string', default: Object.keys(ACTS).join(',') },
    snapshots: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
/** Eight samples of a short run; of a long one one every two minutes. */
const every = Number(values.every ?? Math.min(120, (minutes * 60) / 8));
const warmUp = Number(values['warm-up'] ?? Math.min(6, minutes / 4));
const CAP = 200;
const IDLE_SECONDS = 20;
const MAX_PARKED = 150;
/** A sample holds the server up, which for a while then refuses new work: its mean delay reaches back some seconds. */
const SETTLE_MS = 10_000;
/** Sessions that nobody deletes are over after the idle time; the rest of what is waited for is quicker. */
const DRAIN_LIMIT_MS = 3 * IDLE_SECONDS * 1_000;

const acts = values.acts.split(',').map((name) => {
  if (!(name in ACTS)) throw new Error(`There is no act ${name}. There are: ${Object.keys(ACTS).join(', ')}.`);
  return name as ActName;
});
const [adminPort] = await freePorts(1);
const tools = fileURLToPath(new URL('soak-tools.ts', import.meta.url));
const limits = {
  '--transport': 'http-compat',
  '--max-connections': String(CAP),
  '--max-parked': String(MAX_PARKED),
  '--park-after': '1s',
  '--session-idle-timeout': `${IDLE_SECONDS}s`,
  '--max-stream-buffer': '128KiB',
  '--drain-delay': '0s',
  '--drain-window': '0s',
  '--admin-port': String(adminPort),
};
const { port, child } = await startServe([tools, ...Object.entries(limits).flat()], SAMPLE_FLAGS);
const pid = child.pid ?? 0;
// A benchmark that throws leaves no server behind.
process.once('exit', () => child.kill('SIGKILL'));
const log = new SoakLog(child.stderr as Readable);
child.once('close', (code) => {
  throw new Error(`berth serve ended with exit code ${code}. It said: ${JSON.stringify([...log.counts])}`);
});

/** The body of `/connections`, over a socket that does not stay. */
function connections(): Promise<Connections> {
  return new Promise((resolve, reject) => {
    get({ port: adminPort, path: '/connections', agent: false }, (res) =>
      resolve(json(res) as Promise<Connections>),
    ).once('error', reject);
  });
}

/** What is left when nobody is served; empty unless something stays for too long. */
async function drained(): Promise<string> {
  const end = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const { active, waiting, sessions, streams, requestsInFlight } = await connections();
    const held = { slots: active, waiting, ...sessions, ...streams, requestsInFlight: Object.values(requestsInFlight) };
    const left = Object.entries(held).filter(([, count]) => [count].flat().some((one) => one > 0));
    if (left.length === 0) return '';
    if (performance.now() > end) return left.map(([name, count]) => `${name} ${count}`).join(', ');
    await sleep(500);
  }
}

const churn = new Churn({
  url: new URL(`http://127.0.0.1:${port}/mcp`),
  clients: Number(values.clients),
  storm: Number(values.storm),
  acts,
  short: () => log.short,
});
const samples: TimedSample[] = [];
const left: string[] = [];
const begun = performance.now();
let churned = 0;
let mostParked = 0;
let refused: Connections['refused'] | undefined;
while (churned < minutes * 60) {
  const seconds = Math.min(every, minutes * 60 - churned);
  await churn.run(AbortSignal.timeout(Math.round(seconds * 1_000)));
  churned += seconds;
  mostParked = Math.max(mostParked, (await connections()).sessions.parked);
  const stays = await drained();
  if (stays !== '') left.push(`after ${(churned / 60).toFixed(1)} minutes: ${stays}`);
  refused = (await connections()).refused;
  const last = churned >= minutes * 60;
  const warm = samples.filter(({ hours }) => hours * 60 >= warmUp).length;
  const wanted = values.snapshots !== undefined && (last || (warm === 0 && churned / 60 >= warmUp));
  const path = wanted ? `${values.snapshots}/after-${Math.round(churned)}-seconds.heapsnapshot` : '';
  samples.push({ ...(await sampleProcess(pid, path)), hours: churned / 3_600 });
  await sleep(SETTLE_MS);
  process.stderr.write(`${(churned / 60).toFixed(1)} of ${minutes} minutes of churn; left: ${stays || 'nothing'}\n`);
}
const { text, holds } = soakReport({
  samples,
  warmUp,
  churn,
  left,
  log: log.counts,
  refused,
  mostParked,
  maxParked: MAX_PARKED,
});
process.stdout.write(
  `${minutes} minutes of churn in ${((performance.now() - begun) / 60_000).toFixed(1)} minutes, ${values.clients} clients at once, cap ${CAP}\n${text}`,
);
process.exit(holds ? 0 : 1);
