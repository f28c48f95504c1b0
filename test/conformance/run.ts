import { parseArgs } from 'node:util';
import { checkRevision, formatReport, summarize } from './report.ts';
import { REVISIONS } from './requirements.ts';
import { serveFixture } from './serve-fixture.ts';

// Usage: run.ts [--url URL] [--verbose]. Without a URL it starts the fixture server itself.
const { values } = parseArgs({ options: { url: { type: 'string' }, verbose: { type: 'boolean', default: false } } });
const server = values.url === undefined ? await serveFixture() : { url: values.url, close: async () => {} };
const summaries: string[] = [];
try {
  for (const revision of REVISIONS) {
    const report = await checkRevision(server.url, revision);
    if (values.verbose) process.stdout.write(`${report.output}\n`);
    process.stdout.write(`${revision}\n${formatReport(report)}\n\n`);
    summaries.push(summarize(report));
    if (report.problems.length > 0) process.exitCode = 1;
  }
} finally {
  await server.close();
}
process.stdout.write(`${summaries.join('\n')}\n`);
