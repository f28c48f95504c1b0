import { expect, test } from 'vitest';
import { RawSession } from '../../../src/sources/bridge/raw-session.ts';
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
