import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sampleOf } from '../test/fixtures/sample.ts';

const command = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const START_LIMIT_MS = 20_000;
const STARTED = /"port":(?<port>\d+),"adminPort":(?<adminPort>\d+),.*"msg":"Started server"/;

/** One `berth serve` that a benchmark asks. */
export interface ServeProcess {
  readonly port: number;
  readonly child: ChildProcess;
  /** One sample of `/metrics`. */
  metric(name: string): Promise<number>;
}

/** Starts `berth serve` with these arguments as a process of its own; resolves once it serves. */
export function startServe(serve: readonly string[], nodeFlags: readonly string[] = []) {
  const args = [...nodeFlags, command, 'serve', '--port', '0', '--admin-port', '0', ...serve];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise<ServeProcess>((resolve, reject) => {
    const lines: string[] = [];
    const fail = (why: string) => reject(new Error(`berth serve ${why}. It said:\n${lines.join('\n')}`));
    const timer = setTimeout(() => fail(`did not start within ${START_LIMIT_MS} ms`), START_LIMIT_MS);
    child.once('close', (code) => fail(`ended with exit code ${code}`));
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const found = STARTED.exec(line)?.groups;
      if (found === undefined) return;
      clearTimeout(timer);
      const admin = `http://127.0.0.1:${found['adminPort']}`;
      resolve({
        port: Number(found['port']),
        child,
        metric: async (name) => (await sampleOf(admin, name)) ?? Number.NaN,
      });
    });
  });
}
