import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LoadReport } from '../src/load/report.ts';
import { failuresText } from '../src/load/report-text.ts';
import type { Server } from './servers.ts';

const run = promisify(execFile);
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** `lean` is `berth load`, `sdk` the SDK's own client. */
export type Generator = 'lean' | 'sdk';

export type Calls = NonNullable<LoadReport['calls']>;

/** Calls a tool from so many sessions without pause, from a process of its own; resolves with what that has seen. */
export async function generate(
  generator: Generator,
  { url, era }: Pick<Server, 'url' | 'era'>,
  sessions: number,
  seconds: number,
): Promise<Calls> {
  const args = {
    lean: [
      ...[path('../src/cli/main.ts'), 'load', url, '--era', era, '--sessions', String(sessions)],
      ...['--duration', `${seconds}s`, '--tool', 'echo', '--arguments', '{"value":"x"}', '-o', 'json'],
    ],
    sdk: [path('sdk-clients.ts'), url, era, String(sessions), String(seconds)],
  }[generator];
  const { stdout } = await run(process.execPath, args);
  const { calls, opening } = JSON.parse(stdout) as LoadReport;
  if (calls === undefined) throw new Error(`No call was made at ${url}: ${failuresText(opening.outcomes)}.`);
  if (opening.opened < sessions) {
    throw new Error(`${opening.opened} of ${sessions} sessions opened at ${url}: ${failuresText(opening.outcomes)}.`);
  }
  return calls;
}
