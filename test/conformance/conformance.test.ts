import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkRevision } from './report.ts';
import { REVISIONS } from './requirements.ts';
import { type FixtureServer, serveFixture } from './serve-fixture.ts';

let server: FixtureServer;

beforeAll(async () => {
  server = await serveFixture();
}, 30_000);

afterAll(async () => {
  await server?.close();
});

// One after the other: some checks listen for changes that others announce.
test.for(REVISIONS)(
  'the official suite finds nothing wrong with revision %s',
  { timeout: 300_000 },
  async (revision) => {
    const { problems } = await checkRevision(server.url, revision);
    expect(problems).toEqual([]);
  },
);
