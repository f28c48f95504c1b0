import type { Requirements } from './requirements.ts';
import type { Check, SuiteRun } from './suite.ts';

/** Scenarios that no requirement set scores, and that we hold all the same: with neither failure nor warning. */
export const HELD: ReadonlySet<string> = new Set([
  'server-session-lifecycle',
  'server-sse-polling',
  'http-header-validation',
  'http-custom-header-server-validation',
  'json-schema-2020-12',
]);

/** What one scenario came to. */
export interface Outcome {
  readonly scenario: string;
  /** Scored by the suite, held by us, or the suite's reason for reporting it only. */
  readonly standing: string;
  /** Whether its problems fail the run. */
  readonly counts: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly warnings: number;
  readonly problems: readonly string[];
}

/** The one scenario that wants a tool to fail. */
const WANTS_TOOL_ERROR = 'tools-call-error';

/** Added to most scenarios by the suite: passes on its own requests alone, with no server there. */
const WIRE_SCHEMA = 'wire-schema-valid';

/** Some checks take any text for an answer, and so pass with "Tool not found". */
function restsOnToolError(check: Check): boolean {
  if (check.status !== 'SUCCESS') return false;
  const { details } = check;
  const result = typeof details === 'object' && details !== null && 'result' in details ? details.result : undefined;
  return typeof result === 'object' && result !== null && 'isError' in result && result.isError === true;
}

function problemsOf(scenario: string, checks: readonly Check[] | undefined): string[] {
  if (checks === undefined) return ['wrote no checks.json'];
  if (!checks.some(({ id, status }) => status === 'SUCCESS' && id !== WIRE_SCHEMA)) return ['nothing passed'];
  const isBad = ({ status, specReferences }: Check) =>
    status === 'FAILURE' ||
    (HELD.has(scenario) && (status === 'WARNING' || (status !== 'SUCCESS' && specReferences !== undefined)));
  const bad = checks.filter(isBad).map((check) => `${check.id}: ${check.status} ${check.errorMessage ?? ''}`.trim());
  const hollow = scenario === WANTS_TOOL_ERROR ? [] : checks.filter(restsOnToolError);
  return [...bad, ...hollow.map(({ id }) => `${id}: passed on a tool's error`)];
}

/** Judges one run of a requirement set, scenario by scenario, in the order of the suite's list. */
export function judge(requirements: Requirements, run: SuiteRun): Outcome[] {
  const outcome = (scenario: string, standing: string, counts: boolean): Outcome => {
    const checks = run.checks.get(scenario);
    const count = (status: Check['status']) => checks?.filter((check) => check.status === status).length ?? 0;
    return {
      scenario,
      standing,
      counts,
      passed: count('SUCCESS'),
      failed: count('FAILURE'),
      warnings: count('WARNING'),
      problems: problemsOf(scenario, checks),
    };
  };
  return [
    ...requirements.scored.map((scenario) => outcome(scenario, 'scored', true)),
    ...[...requirements.notScored].map(([scenario, reason]) =>
      HELD.has(scenario) ? outcome(scenario, 'held', true) : outcome(scenario, `not scored: ${reason}`, false),
    ),
  ];
}
