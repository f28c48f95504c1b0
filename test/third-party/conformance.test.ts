import { expect, onTestFinished, test } from 'vitest';
import { checkRevision } from '../conformance/report.ts';
import { serveFixture, serveFixtureAsCommand, serveUpstream } from '../conformance/serve-fixture.ts';

// A server may let go of a call's stream and have the client ask for the rest. One behind berth does so with berth, which
// keeps its own client's stream: that client has nothing to come back for.
const NOT_PASSED_ON = ['server-sse-polling: nothing passed'];

test('the official suite finds the fixture the same through --upstream, in both eras', {
  timeout: 300_000,
}, async () => {
  const fixture = await serveFixture();
  onTestFinished(() => fixture.close());
  const berth = await serveUpstream(fixture.url);
  onTestFinished(() => berth.close());
  expect((await checkRevision(berth.url, '2025-11-25')).problems).toEqual(NOT_PASSED_ON);
  expect((await checkRevision(berth.url, '2026-07-28')).problems).toEqual([]);
});

test('the official suite finds the fixture the same as a command, in the era it speaks', {
  timeout: 300_000,
}, async () => {
  const berth = await serveFixtureAsCommand();
  onTestFinished(() => berth.close());
  expect((await checkRevision(berth.url, '2025-11-25')).problems).toEqual(NOT_PASSED_ON);
});
