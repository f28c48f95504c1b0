import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { PEER_NAMES, type PeerName } from './peers/commands.ts';
import { processTree } from './peers/process-tree.ts';
import { startPeer } from './peers/start.ts';
import { startServe } from './serve-process.ts';

/** berth in either era; `berth-reusable` is a module whose objects serve one modern request after another. */
const BERTH = { berth: 'legacy', 'berth-modern': 'modern', 'berth-reusable': 'modern' } as const;
type BerthName = keyof typeof BERTH;
export const BERTH_NAMES = Object.keys(BERTH) as readonly BerthName[];

/** What a benchmark can ask. */
export type ServerName = BerthName | PeerName;

export interface ServerOptions {
  /** How many tools it serves. */
  readonly tools?: 5 | 50;
  /** Whether berth may build a session's server object again; `resident` has five tools. */
  readonly sessions?: 'parkable' | 'resident';
  /** How many sessions berth and `sdk-v1-counter` admit. */
  readonly cap?: number;
  /** Further flags of `berth serve`. */
  readonly flags?: readonly string[];
  /** Of the server's own process, when that is Node. */
  readonly nodeFlags?: readonly string[];
}

/** A server that a benchmark asks, berth or a peer. */
export interface Server {
  readonly name: ServerName;
  readonly url: string;
  readonly era: 'legacy' | 'modern';
  /** It gives out no sessions. */
  readonly stateless: boolean;
  readonly pid: number;
  /** berth's admin port. */
  readonly admin?: string;
  /** Its process and all that it has started. */
  pids(): number[];
  /** Resolves once none of its processes is left. */
  stop(): Promise<void>;
}

function moduleOf(name: BerthName, { tools = 5, sessions = 'parkable' }: ServerOptions): string {
  if (name === 'berth-reusable') return 'five-tools-reusable.ts';
  if (sessions === 'resident') return 'resident-tools.ts';
  return tools === 50 ? 'fifty-tools.ts' : 'five-tools.ts';
}

/** The peers with these names, separated by commas; all of them without a list. */
export function peersNamed(list: string | undefined): readonly PeerName[] {
  if (list === undefined) return PEER_NAMES;
  return list.split(',').map((name) => {
    const found = PEER_NAMES.find((known) => known === name);
    if (found === undefined) throw new Error(`There is no peer ${name}. There are: ${PEER_NAMES.join(', ')}.`);
    return found;
  });
}

/** Starts berth from its sources, or a peer, on loopback ports; resolves once it answers. */
export async function startServer(name: ServerName, options: ServerOptions = {}): Promise<Server> {
  return isBerth(name) ? startBerth(name, options) : startPeer(name, options);
}

const isBerth = (name: ServerName): name is BerthName => name in BERTH;

async function startBerth(name: BerthName, options: ServerOptions): Promise<Server> {
  const { cap = 5_000, flags = [], nodeFlags = [] } = options;
  const [adminPort] = await freePorts(1);
  const limits = ['--max-connections', String(cap), '--drain-delay', '0s', '--drain-window', '0s'];
  const source = fileURLToPath(new URL(moduleOf(name, options), import.meta.url));
  const { port, child } = await startServe([source, '--admin-port', String(adminPort), ...limits, ...flags], nodeFlags);
  const pid = child.pid ?? 0;
  // A benchmark that throws leaves no server behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    ...{ name, pid, url: `http://127.0.0.1:${port}/mcp`, admin: `http://127.0.0.1:${adminPort}` },
    era: BERTH[name],
    stateless: BERTH[name] === 'modern',
    pids: () => processTree(pid).map((found) => found.pid),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'close');
      }
      process.off('exit', kill);
    },
  };
}
