import { expect, test } from 'vitest';
import { RawSession } from '../../../src/sources/bridge/raw-session.ts';
import type { RawClient } from '../../../src/sources/raw-server.ts';
import { INTRODUCTION, ScriptedServer } from '../scripted-server.ts';

test('an opening whose client has left is given up, and its server with it', async () => {
  const server = new ScriptedServer();
  const gone = new AbortController();
  const opening = RawSession.open(server, { signal: gone.signal });
  gone.abort();
  await expect(opening).rejects.toThrow('closed');
  expect(server.closed).toBe(true);
});

test('a session that is open outlives the signal of its opening', async () => {
  const server = new ScriptedServer();
  const gone = new AbortController();
  const opening = RawSession.open(server, { signal: gone.signal });
  await expect.poll(() => server.asked('initialize').length).toBe(1);
  server.answer(server.asked('initialize')[0]?.id ?? 0, INTRODUCTION);
  const session = await opening;
  gone.abort();
  expect(server.closed).toBe(false);
  await session.close();
});

test('an opening that takes too long is given up, and says so', async () => {
  const server = new ScriptedServer();
  const opening = RawSession.open(server, { startLimit: 20 });
  await expect(opening).rejects.toThrow('did not answer initialize within 20 ms');
  expect(server.closed).toBe(true);
});

test('what was refused in the words of HTTP is refused with them', async () => {
  const server = new (class extends ScriptedServer {
    client: RawClient | undefined;
    override async connect(client: RawClient) {
      this.client = client;
    }
  })();
  const opening = RawSession.open(server);
  const answer = { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: '{"error":"no_token"}' };
  await expect.poll(() => server.asked('initialize').length).toBe(1);
  server.client?.answer(server.asked('initialize')[0]?.id ?? 0, answer);
  await expect(opening).rejects.toMatchObject({ answer });
});
