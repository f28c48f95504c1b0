import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Target } from './script.ts';

const run = promisify(execFile);
const INSPECTOR = fileURLToPath(new URL('../../node_modules/.bin/mcp-inspector', import.meta.url));

/** One tool call. */
export interface Call {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface InspectOptions {
  readonly call: Call;
  /** Have it list the tools as well. */
  readonly list: boolean;
  /** A folder for its catalog and its credentials, which are not this user's. */
  readonly home: string;
}

/** What the Inspector's command line shows of a server, each in a run and a session of its own. */
export async function inspect(target: Target, { call, list, home }: InspectOptions) {
  const show = async (...method: readonly string[]): Promise<unknown> => {
    const { stdout } = await run(INSPECTOR, ['--cli', '--quiet', '--method', ...method, ...reach(target)], {
      env: { ...process.env, HOME: home },
    });
    return JSON.parse(stdout);
  };
  return {
    tools: list ? await show('tools/list') : undefined,
    called: await show('tools/call', '--tool-name', call.name, '--tool-args-json', JSON.stringify(call.arguments)),
  };
}

function reach(target: Target): readonly string[] {
  if ('url' in target) return ['--transport', 'http', target.url];
  const variables = Object.entries(target.environment ?? {}).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [...variables, '--', ...target.command];
}
