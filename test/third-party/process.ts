import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

// Ports of the system's choice; nothing of a test is worth a long drain.
const FLAGS = '--port 0 --admin-port 0 --drain-delay 0s --drain-window 0s --longest-call 1s'.split(' ');

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;

/** A process that listens, and the way to end it. */
export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** `berth serve` with a command, an upstream or a module; `environment` comes on top of this process's own. */
export async function serve(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Listening> {
  const dashes = args.indexOf('--');
  const [own, command] = dashes === -1 ? [args, []] : [args.slice(0, dashes), args.slice(dashes)];
  const child = spawn(process.execPath, [MAIN, 'serve', ...own, ...FLAGS, ...command], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const port = await said(child, /"port":(\d+),.*"msg":"Started server"/);
  return { url: `http://127.0.0.1:${port}/mcp`, close: () => end(child) };
}

/** Any other server; `ready` is what it says once it listens. */
export async function start(
  [command = '', ...args]: readonly string[],
  { url, ready, environment = {} }: { url: string; ready: RegExp; environment?: Readonly<Record<string, string>> },
): Promise<Listening> {
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  await said(child, ready);
  return { url, close: () => end(child) };
}

/** What the process said to match this, on whichever output; rejects, with the process gone, when it does not. */
async function said(child: ChildProcess, pattern: RegExp): Promise<string | undefined> {
  const heard: string[] = [];
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`${child.spawnargs.join(' ')} ${why}. It said:\n${heard.join('\n')}`));
      const timer = setTimeout(() => fail(`was not ready within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
      child.once('error', (error) => fail(`did not start: ${error.message}`));
      child.once('close', (code) => fail(`ended with exit code ${code}`));
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream as NonNullable<typeof stream> }).on('line', (line) => {
          heard.push(line);
          const found = pattern.exec(line);
          if (found === null) return;
          clearTimeout(timer);
          resolve(found[1]);
        });
      }
    });
  } catch (error) {
    await end(child);
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
}
