import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { MEMORY_FLAGS } from './live-memory.ts';
import { startServe } from './serve-process.ts';

export type ReadersServerName = 'berth' | 'sdk-v1';

/** A server with the tools of `readers-tools.ts`, whose memory can be read. */
export interface ReadersServer {
  readonly name: ReadersServerName;
  readonly url: URL;
  readonly pid: number;
  /** berth's admin port. */
  readonly admin?: string;
  stop(): Promise<void>;
}

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const addressOf = (port: number) => new URL(`http://127.0.0.1:${port}/mcp`);

/** Starts one; `flags` are of `berth serve`. */
export async function startReadersServer(
  name: ReadersServerName,
  flags: Readonly<Record<string, string>>,
): Promise<ReadersServer> {
  if (name === 'sdk-v1') {
    const child = fork(path('readers-sdk-v1.ts'), { execArgv: MEMORY_FLAGS });
    const [port] = (await once(child, 'message')) as [number];
    return { name, url: addressOf(port), pid: child.pid ?? 0, stop: () => end(child) };
  }
  const [adminPort] = await freePorts(1);
  const all = { ...flags, '--drain-delay': '0s', '--drain-window': '0s', '--longest-call': '0s' };
  const args = [path('readers-tools.ts'), '--admin-port', String(adminPort), ...Object.entries(all).flat()];
  const { port, child } = await startServe(args, MEMORY_FLAGS);
  const admin = `http://127.0.0.1:${adminPort}`;
  return { name, url: addressOf(port), pid: child.pid ?? 0, admin, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
