import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Revision, suiteDirectory } from './requirements.ts';

const checks = z.array(
  z.object({
    id: z.string(),
    status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
    errorMessage: z.string().optional(),
    specReferences: z.array(z.unknown()).optional(),
    details: z.unknown().optional(),
  }),
);

/** One line of a scenario's `checks.json`. Entries without `specReferences` are a trace, not a verdict. */
export type Check = z.infer<typeof checks>[number];

/** What one run of the suite left behind. */
export interface SuiteRun {
  readonly exitCode: number | null;
  /** Each scenario that wrote its results. One that could not be run wrote none. */
  readonly checks: ReadonlyMap<string, readonly Check[]>;
  /** What the suite printed, for a human. */
  readonly output: string;
}

// A set takes under ten seconds; a server that hangs costs 30 s per scenario.
const RUN_LIMIT_MS = 240_000;

const RESULT_DIRECTORY = /^server-(?<scenario>.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;

async function readChecks(directory: string): Promise<Map<string, readonly Check[]>> {
  const results = new Map<string, readonly Check[]>();
  for (const entry of await readdir(directory)) {
    const scenario = RESULT_DIRECTORY.exec(entry)?.groups?.['scenario'];
    if (scenario === undefined) throw new Error(`The suite wrote ${entry}. Expected server-<scenario>-<time>`);
    const text = await readFile(join(directory, entry, 'checks.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) results.set(scenario, checks.parse(JSON.parse(text)));
  }
  return results;
}

function runCommand(args: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(suiteDirectory, 'dist', 'index.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_LIMIT_MS,
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, output }));
  });
}

/** Runs every server scenario of a revision's requirement set, the ones that are not scored too, against `url`. */
export async function runSuite(url: string, revision: Revision): Promise<SuiteRun> {
  const directory = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const run = await runCommand(['server', '--url', url, '--requirements', revision, '--output-dir', directory]);
    return { ...run, checks: await readChecks(directory) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
