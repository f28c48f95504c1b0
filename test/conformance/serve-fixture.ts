import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const fixture = fileURLToPath(new URL('../fixtures/conformance/server.ts', import.meta.url));

// Ports of the system's choice; nothing of a test is worth a long drain.
const FLAGS = '--port 0 --admin-port 0 --drain-delay 0s --drain-window 0s --longest-call 1s'.split(' ');

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 5_000;

const STARTED = /"port":(?<port>\d+),"adminPort":(?<adminPort>\d+),.*"msg":"Started server"/;

/** A running server, and the way to end it. */
export interface FixtureServer {
  readonly url: string;
  close(): Promise<void>;
}

/** One `berth serve`, with its admin listener. */
export interface FixtureProcess extends FixtureServer {
  readonly port: number;
  readonly admin: string;
}

/** Runs `berth serve` with the fixture server as a process of its own, and resolves once it says where it listens. */
export function serveFixture(flags: readonly string[] = []): Promise<FixtureProcess> {
  return serve([fixture, ...flags]);
}

/** The same, with the fixture server as a command of its own that speaks stdio. */
export function serveFixtureAsCommand(): Promise<FixtureProcess> {
  return serve(['--', process.execPath, command, 'serve', '--transport', 'stdio', fixture]);
}

/** Runs `berth serve` before a server that listens elsewhere. */
export function serveUpstream(url: string): Promise<FixtureProcess> {
  return serve(['--upstream', url]);
}

async function serve(what: readonly string[]): Promise<FixtureProcess> {
  const args = [command, 'serve', ...FLAGS, ...what];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const close = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  };
  const ports = await new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
    const lines: string[] = [];
    const fail = (why: string) => reject(new Error(`berth serve ${why}. It said:\n${lines.join('\n')}`));
    const timer = setTimeout(() => fail(`gave no address within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
    child.once('close', (code) => fail(`ended with exit code ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => {
        lines.push(text);
        const found = STARTED.exec(text)?.groups;
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    }
  }).catch(async (error: unknown) => {
    if (child.exitCode === null) await close();
    throw error;
  });
  const port = Number(ports['port']);
  return { url: `http://127.0.0.1:${port}/mcp`, port, admin: `http://127.0.0.1:${ports['adminPort']}`, close };
}
