import { expect, test } from 'vitest';
import { followChanges } from '../../../src/sources/bridge/follow-changes.ts';
import { RawSession } from '../../../src/sources/bridge/raw-session.ts';
import { INTRODUCTION, ScriptedServer } from '../scripted-server.ts';

const NOTIFY = { toolsChanged() {}, promptsChanged() {}, resourcesChanged() {}, resourceUpdated() {} };

function begin() {
  const server = new ScriptedServer();
  const gone = new AbortController();
  const followed = followChanges(
    { resourceSubscriptions: ['a:1'] },
    { notify: NOTIFY, gone: gone.signal, open: (options) => RawSession.open(server, options) },
  );
  followed.catch(() => {});
  return { server, gone, followed };
}

test('a listener that leaves while the server introduces itself takes it along', async () => {
  const { server, gone, followed } = begin();
  await expect.poll(() => server.asked('initialize').length).toBe(1);
  gone.abort();
  await expect(followed).rejects.toThrow('closed');
  expect(server.closed).toBe(true);
});

test('a listener that leaves while it subscribes does so too', async () => {
  const { server, gone, followed } = begin();
  await expect.poll(() => server.asked('initialize').length).toBe(1);
  server.answer(server.asked('initialize')[0]?.id ?? 0, INTRODUCTION);
  await expect.poll(() => server.asked('resources/subscribe').length).toBe(1);
  gone.abort();
  await expect(followed).rejects.toThrow('closed');
  expect(server.closed).toBe(true);
});
