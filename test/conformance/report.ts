import { type Revision, readRequirements } from './requirements.ts';
import { runSuite } from './suite.ts';
import { judge, type Outcome } from './verdict.ts';

/** One revision's requirement set, run and judged. */
export interface RevisionReport {
  readonly revision: Revision;
  readonly outcomes: readonly Outcome[];
  /** Everything that fails the run, as `scenario: what`. */
  readonly problems: readonly string[];
  /** What the suite itself printed. */
  readonly output: string;
}

/** Runs one revision's requirement set against the server at `url`. */
export async function checkRevision(url: string, revision: Revision): Promise<RevisionReport> {
  const requirements = await readRequirements(revision);
  const run = await runSuite(url, revision);
  const outcomes = judge(requirements, run);
  const problems = outcomes
    .filter(({ counts }) => counts)
    .flatMap(({ scenario, problems }) => problems.map((problem) => `${scenario}: ${problem}`));
  if (run.exitCode !== 0) problems.push(`the suite ended with exit code ${run.exitCode}`);
  return { revision, outcomes, problems, output: run.output };
}

function line({ scenario, standing, passed, failed, warnings, problems, counts }: Outcome): string {
  const mark = problems.length === 0 ? 'ok  ' : counts ? 'FAIL' : '-   ';
  return `${mark} ${scenario}: ${passed} passed, ${failed} failed, ${warnings} warnings (${standing})`;
}

/** Each scenario and each problem, for a terminal. */
export function formatReport({ outcomes, problems }: RevisionReport): string {
  return [...outcomes.map(line), ...problems.map((problem) => `     ${problem}`)].join('\n');
}

/** One line: the checks that passed, and everything that failed, of the scenarios that count. */
export function summarize({ revision, outcomes, problems }: RevisionReport): string {
  const passed = outcomes.filter(({ counts }) => counts).reduce((sum, outcome) => sum + outcome.passed, 0);
  return `conformance ${revision}: ${passed} passed, ${problems.length} failed`;
}
