import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

/** The folder of the official suite, with its command in `dist` and its requirement sets in `requirements`. */
export const suiteDirectory = dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
);

const requirementSet = z.object({
  server: z.array(z.string()).min(1),
  not_scored: z.array(z.object({ scenario: z.string(), leg: z.string(), reason: z.string() })),
});

/** What a revision asks of a server, by the suite's own frozen list. */
export interface Requirements {
  /** The scenarios that count. */
  readonly scored: readonly string[];
  /** The scenarios that run and do not count, with the suite's reason. */
  readonly notScored: ReadonlyMap<string, string>;
}

/** Reads the requirement set of one revision from the suite itself. */
export async function readRequirements(revision: Revision): Promise<Requirements> {
  const text = await readFile(join(suiteDirectory, 'requirements', `${revision}.yaml`), 'utf8');
  const { server, not_scored } = requirementSet.parse(parse(text));
  const ours = not_scored.filter(({ leg }) => leg === 'server');
  return { scored: server, notScored: new Map(ours.map(({ scenario, reason }) => [scenario, reason])) };
}
