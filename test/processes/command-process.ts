import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** The server that is served, whose every session also starts a process that notices nothing. */
export const PLAIN_SERVER = fileURLToPath(new URL('../fixtures/stdio/plain-server.sh', import.meta.url));

/** Processes of one session: the server, and what it starts. */
export const FAMILY = 2;

const QUICK = '--port 0 --admin-port 0 --drain-delay 0s --drain-window 0s --longest-call 2s --max-call-delay 1h'.split(
  ' ',
);
/** Passed on to the processes of this berth, and so to no others that run on the machine. */
const OURS = 'TEST_OF_COMMANDS';

export interface LogLine {
  readonly msg: string;
  readonly [detail: string]: unknown;
}

/** Runs `berth serve … -- plain-server.sh`; it ends with the test, by SIGKILL. */
export async function serveCommand(...flags: readonly string[]) {
  const mark = randomUUID();
  const args = [MAIN, 'serve', ...QUICK, '--pass-environment', OURS, ...flags, '--', PLAIN_SERVER];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, [OURS]: mark },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const logs: LogLine[] = [];
  const started = await new Promise<LogLine>((resolve, reject) => {
    void exited.then(() => reject(new Error(`berth ended. It said: ${JSON.stringify(logs)}`)));
    createInterface({ input: child.stderr }).on('line', (text) => {
      const line = (text.startsWith('{') ? JSON.parse(text) : { msg: text }) as LogLine;
      logs.push(line);
      if (line.msg === 'Started server') resolve(line);
    });
  });
  return {
    url: `http://127.0.0.1:${started['port']}/mcp`,
    adminPort: Number(started['adminPort']),
    logs,
    exited,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    /** The processes of all sessions, and of the children that wait for theirs. */
    processes: () => processesWith(`${OURS}=${mark}`),
  };
}

export type CommandProcess = Awaited<ReturnType<typeof serveCommand>>;

/** The processes that were started for a session and have this in their environment, with their children's marker. */
function processesWith(variable: string): readonly { readonly pid: number; readonly marker: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const variables = environmentOf(name);
      const marker = variables.find((one) => one.startsWith('BERTH_CHILD='));
      return marker !== undefined && variables.includes(variable) ? [{ pid: Number(name), marker }] : [];
    });
}

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    // It has ended meanwhile, or is somebody else's.
    return [];
  }
}
