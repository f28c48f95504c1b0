import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../test/fixtures/free-ports.ts';
import { openClient } from './client.ts';
import { commandOf, type PeerName } from './commands.ts';
import { isRunning, processTree, type RunningProcess } from './process-tree.ts';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 5_000;
const POLL_MS = 10;
/** Of what a peer says, for the error that it did not start. */
const KEPT_OUTPUT = 4_096;

export interface PeerOptions {
  /** How many tools it serves. */
  readonly tools?: number;
  /** Of the server's own process, when that is Node. */
  readonly nodeFlags?: readonly string[];
  /** How many sessions `sdk-v1-counter` admits. */
  readonly cap?: number;
}

/** A server that a benchmark asks. */
export interface Peer {
  readonly name: PeerName;
  readonly url: string;
  readonly era: 'legacy' | 'modern';
  readonly stateless: boolean;
  readonly pid: number;
  /** From when its process was spawned until it had answered a request. */
  readonly readyMs: number;
  /** Its process and all that it has started. */
  pids(): number[];
  /** Resolves once none of its processes is left. */
  stop(): Promise<void>;
}

/** Starts a peer on a loopback port, after installing what it needs; resolves once it has answered a request. */
export async function startPeer(name: PeerName, options: PeerOptions = {}): Promise<Peer> {
  const { era, stateless = false, install, command } = commandOf(name);
  const { tools = 5, nodeFlags = [], cap = 1_000 } = options;
  install?.();
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}/mcp`;
  const [program = '', ...args] = command(port, nodeFlags);
  const begun = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, PORT: String(port), TOOLS: String(tools), CAP: String(cap) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  // A benchmark that throws leaves no server behind.
  const kill = () => killAll(processTree(child.pid ?? 0));
  process.once('exit', kill);
  const stop = async () => {
    await end(child);
    process.off('exit', kill);
  };
  try {
    const readyMs = (await answered(child, url, era)) - begun;
    const pid = child.pid ?? 0;
    return { name, url, era, stateless, pid, readyMs, pids: () => processTree(pid).map((found) => found.pid), stop };
  } catch (error) {
    await stop();
    throw new Error(`Started the peer ${name} at ${url}: ${(error as Error).message} It said:\n${output()}`);
  }
}

/** The end of what it says. Its pipes are read to the end, or it would stop at a full one. */
function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output = `${output}${chunk}`.slice(-KEPT_OUTPUT);
    });
  }
  return () => output;
}

/** When it had answered; throws when it ended, or answers something else or nothing at all for too long. */
async function answered(child: ChildProcess, url: string, era: 'legacy' | 'modern'): Promise<number> {
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (failed !== undefined) throw new Error(`it did not start: ${failed.message}.`);
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`it ended with ${child.signalCode ?? `exit code ${child.exitCode}`}.`);
    }
    try {
      const client = await openClient(url, era);
      if (era === 'modern') await client.ask('tools/list');
      const now = performance.now();
      await client.close();
      return now;
    } catch (error) {
      const { message, cause } = error as Error;
      // Until it listens; a proxy may listen before what is behind it.
      if (performance.now() > deadline) throw new Error(`no answer in ${START_LIMIT_MS} ms: ${cause ?? message}.`);
    }
    await sleep(POLL_MS);
  }
}

/** Asks it to end, and ends what is left of its processes then. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const tree = processTree(child.pid);
  const exited = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
  killAll(tree);
  while (tree.some(isRunning)) await sleep(POLL_MS);
}

function killAll(processes: readonly RunningProcess[]): void {
  for (const running of processes.filter(isRunning)) {
    try {
      process.kill(running.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}
