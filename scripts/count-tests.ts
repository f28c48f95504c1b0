import { readFile } from 'node:fs/promises';

interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

interface Count {
  readonly passed: number;
  /** What each failure is called and says. */
  readonly failures: readonly string[];
}

/** A failure says no more than this, so that the last lines of a long log hold them all. */
const MOST_OF_A_FAILURE = 2_000;

/** Counts one of vitest's JSON reports. What failed without failing a test, such as a file that did not load or a report that was never written, counts as one. */
async function count(path: string): Promise<Count> {
  const report = await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as Partial<Report> | null)
    .catch(() => undefined);
  if (!Array.isArray(report?.testResults)) return { passed: 0, failures: [`${path}: no report was written`] };
  let passed = 0;
  const failures: string[] = [];
  for (const file of report.testResults as Report['testResults']) {
    passed += file.assertionResults.filter((test) => test.status === 'passed').length;
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    failures.push(...failed.map((test) => `${file.name} > ${test.fullName}\n${test.failureMessages.join('\n')}`));
    if (file.status === 'failed' && failed.length === 0) failures.push(`${file.name}\n${file.message}`);
  }
  if (failures.length === 0 && passed === 0) failures.push(`${path}: no test ran`);
  if (failures.length === 0 && !report.success) failures.push(`${path}: an error outside of any test`);
  return { passed, failures };
}

const counts = await Promise.all(process.argv.slice(2).map(count));
const passed = counts.reduce((sum, one) => sum + one.passed, 0);
const failures = counts.flatMap((one) => one.failures);
for (const failure of failures) process.stdout.write(`FAILED ${failure.slice(0, MOST_OF_A_FAILURE)}\n\n`);
process.stdout.write(`${passed} passed, ${failures.length} failed\n`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;
