import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PYTHON } from './python/python.ts';
import { ANSWERS, LIMIT_MS, type Script, type Target, type Transcript } from './script.ts';

const PLAY = fileURLToPath(new URL('./python/play.py', import.meta.url));

/** The client of the official Python SDK, in a process that plays one script after the other. */
export function startPython() {
  const child = spawn(PYTHON, [PLAY], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  return {
    /** `auto` is what a user gets who says nothing: the modern era, and the legacy one where there is no other. */
    async play(target: Target, script: Script, mode: 'legacy' | 'auto'): Promise<Transcript> {
      const told = { target, script, mode, answers: ANSWERS, limit: LIMIT_MS / 1000 };
      child.stdin.write(`${JSON.stringify(told)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`The Python client ended. It said: ${said}`);
      return JSON.parse(value) as Transcript;
    },
    async close(): Promise<void> {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

export type PythonClient = ReturnType<typeof startPython>;
