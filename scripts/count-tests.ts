import { readFile } from 'node:fs/promises';

interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** Counts one of vitest's JSON reports. What failed without failing a test, such as a file that did not load or a report that was never written, counts as one. */
async function count(path: string): Promise<Count> {
  const report = await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as Partial<Report> | null)
    .catch(() => undefined);
  if (!Array.isArray(report?.testResults)) return { passed: 0, failed: 1 };
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults as Report['testResults']) {
    const failures = file.assertionResults.filter((test) => test.status === 'failed').length;
    passed += file.assertionResults.filter((test) => test.status === 'passed').length;
    failed += file.status === 'failed' ? Math.max(1, failures) : failures;
  }
  // An error outside of any test, or a run that found none.
  if (failed === 0 && (!report.success || passed === 0)) failed = 1;
  return { passed, failed };
}

const counts = await Promise.all(process.argv.slice(2).map(count));
const passed = counts.reduce((sum, one) => sum + one.passed, 0);
const failed = counts.reduce((sum, one) => sum + one.failed, 0);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
