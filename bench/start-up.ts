import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { imageBundle } from '../scripts/bundles.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { openClient } from './peers/client.ts';
import { commandOf, type PeerName } from './peers/commands.ts';
import { rssBytes } from './peers/cpu.ts';
import { installNpmPackages } from './peers/install.ts';
import { processTree } from './peers/process-tree.ts';
import { Rounds, spreadOf } from './rounds.ts';
import { peersNamed } from './servers.ts';
import { percentile } from './spread.ts';
import { goalLine, table } from './table.ts';

// How long a server's process takes to answer, and what it holds at rest: berth as its image has it, bundled, with five
// tools, and the peers. All of them are JavaScript: for Node to read TypeScript takes 16 MB. Each round starts one after the
// other. Usage: start-up.ts [--rounds 5] [--peers sdk-v1,…]
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, peers: { type: 'string' } } });
const peers = peersNamed(values.peers);
const START_LIMIT_MS = 30_000;
const POLL_MS = 2;
/** After the first answer. */
const REST_MS = 1_000;
/** No product, but what HTTP and the SDK cost. */
const FLOORS = ['bare', 'thirty-lines'];

interface Seen {
  /** Milliseconds from when the process was spawned: until `/health-check` said 200, and until MCP was answered. */
  readonly healthy?: number;
  readonly answered: number;
  readonly rss: number;
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'berth-start-up-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

async function buildBerth(): Promise<void> {
  const entryPoints = { ...imageBundle.entryPoints, tools: path('five-tools.ts') };
  await build({ ...imageBundle, entryPoints, outdir: join(folder, 'berth') });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
}

/** The peers' own sources only; their packages stay as npm has installed them. */
async function buildPeers(): Promise<void> {
  installNpmPackages();
  const entryPoints = readdirSync(path('peers')).filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
  await build({
    ...{ entryPoints, absWorkingDir: path('peers'), outdir: join(folder, 'peers'), packages: 'external' },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node24' },
  });
  symlinkSync(path('peers/node_modules'), join(folder, 'peers', 'node_modules'));
}

function commandLine(name: 'berth' | PeerName, port: number, adminPort: number): readonly string[] {
  if (name === 'berth') {
    const [program, tools] = [join(folder, 'berth', 'cli', 'main.js'), join(folder, 'berth', 'tools.js')];
    return [process.execPath, program, 'serve', tools, '--port', String(port), '--admin-port', String(adminPort)];
  }
  const { install, command } = commandOf(name);
  install?.();
  const built = (file: string) => join(folder, 'peers', basename(file, '.ts').concat('.js'));
  return command(port, []).map((word) => (word.endsWith('.ts') ? built(word) : word));
}

async function measure(name: 'berth' | PeerName): Promise<Seen> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const [program = '', ...args] = commandLine(name, port, adminPort);
  const begun = performance.now();
  const env = { ...process.env, NODE_ENV: 'production', PORT: String(port), TOOLS: '5', CAP: '1000' };
  const child = spawn(program, args, { env, stdio: 'ignore' });
  const whenDone = async (attempt: () => Promise<boolean>): Promise<number> => {
    while (!(await attempt().catch(() => false))) {
      if (performance.now() - begun > START_LIMIT_MS)
        throw new Error(`${name} did not answer in ${START_LIMIT_MS} ms.`);
      await sleep(POLL_MS);
    }
    return performance.now() - begun;
  };
  try {
    const health = `http://127.0.0.1:${port}/health-check`;
    const healthy = name === 'berth' ? await whenDone(async () => (await fetch(health)).status === 200) : undefined;
    const { era } = name === 'berth' ? { era: 'legacy' as const } : commandOf(name);
    const answered = await whenDone(async () => {
      const client = await openClient(`http://127.0.0.1:${port}/mcp`, era);
      if (era === 'modern') await client.ask('tools/list');
      await client.close();
      return true;
    });
    await sleep(REST_MS);
    const rss = rssBytes(processTree(child.pid ?? 0).map(({ pid }) => pid));
    return { ...(healthy !== undefined && { healthy }), answered, rss };
  } finally {
    killTree(child.pid ?? 0);
  }
}

function killTree(root: number): void {
  for (const { pid } of processTree(root)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended, as children do without their parent.
    }
  }
}

await buildBerth();
await buildPeers();
// Files that nobody has read yet are no cost of a start.
for (const name of ['berth', ...peers] as const) await measure(name);
const seen = new Rounds<Seen>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of ['berth', ...peers] as const) seen.add(name, await measure(name));
}

const ready = ({ healthy, answered }: Seen) => healthy ?? answered;
const rss = (one: Seen) => one.rss / 1_048_576;
const lines = ['berth', ...peers].map((name) => [
  name,
  name === 'berth' ? seen.spread(name, ready, 0) : '–',
  seen.spread(name, ({ answered }) => answered, 0),
  seen.spread(name, rss, 0),
  ...[ready, rss].map((read) => spreadOf(seen.ratios('berth', name, read))),
]);
const HEADING = '/health-check ms|first answer ms|RSS MB|berth ÷ it: time|RSS';

function ahead(what: string, read: (one: Seen) => number): string {
  const products = peers.filter((name) => !FLOORS.includes(name));
  const better = products.filter((name) => percentile(seen.ratios('berth', name, read), 50) >= 1);
  const not = better.length === 0 ? '' : `; not of ${better.join(', ')}`;
  return goalLine(products.length === 0 ? undefined : better.length === 0, `${what}: ahead of every peer${not}`);
}

process.stdout.write(`From the start of the process, median of ${values.rounds} rounds (least–most)
${table([['', ...HEADING.split('|')], ...lines])}
Goals
${ahead('time to the first /health-check (of peers: to the first answer)', ready)}${ahead('RSS at rest', rss)}`);
process.exit();
