import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** What a program said, and how it ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What goes to its standard input. */
  readonly input?: string;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a program to its end, whatever that is. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...options.environment } });
  child.stdin.end(options.input ?? '');
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** Runs kubectl, which must succeed. */
export async function kubectl(args: readonly string[], input = ''): Promise<Outcome> {
  const outcome = await run('kubectl', args, { input });
  if (outcome.code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${outcome.code}: ${outcome.stderr}`);
  return outcome;
}

/** Runs kubectl and reads the JSON that it prints. */
export async function kubectlJson<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse((await kubectl([...args, '-o', 'json'])).stdout) as T;
}
