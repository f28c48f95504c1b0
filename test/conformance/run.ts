import { parseArgs } from 'node:util';
import { checkRevision, formatReport, summarize } from './report.ts';
import { REVISIONS } from './requirements.ts';
import { serveFixture } from './serve-fixture.ts';
import { serveFleet } from './serve-fleet.ts';

// Usage: run.ts [--url URL | --fleet N] [--verbose]. Without a URL it starts the fixture server itself; with --fleet as
// so many processes behind a round-robin proxy.
const { values } = parseArgs({
  options: { url: { type: 'string' }, fleet: { type: 'string' }, verbose: { type: 'boolean', default: false } },
});
const server = await serve();
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

async function serve() {
  if (values.url !== undefined) return { url: values.url, close: async () => {} };
  return values.fleet === undefined ? await serveFixture() : await serveFleet(Number(values.fleet));
}
