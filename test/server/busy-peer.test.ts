import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newSessionId } from '../../src/fleet/session-id.ts';
import type { Change } from '../../src/server/notifier.ts';
import { createParkable } from '../fixtures/parkable.ts';
import { startListedFleet } from './listed-fleet.ts';
import { eventually } from './running.ts';
import { initialize, inSession, openSession, post } from './wire.ts';

test('work that a pod has no slot for goes to a peer that was too busy for one more connection at first', async () => {
  const state = { slow: 0, served: 0 };
  const { members } = await startListedFleet(
    1,
    { maxConnections: '1' },
    {
      mcp(res) {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        // The first one keeps its connection.
        if (++state.served > 1) res.end();
      },
      busyFor: () => (state.slow-- > 0 ? 500 : 0),
    },
  );
  const url = String(members[0]?.url);
  const gone = new AbortController();
  const held = await openSession(url);
  await fetch(url, { headers: { accept: 'text/event-stream', ...inSession(held) }, signal: gone.signal });
  expect((await post(url, initialize(), {}, gone.signal)).status).toBe(200);
  state.slow = 3;
  expect((await post(url, initialize())).status).toBe(200);
  gone.abort();
});

test('a DELETE whose answer was lost is no DELETE of an unknown session', async () => {
  let asked = 0;
  const { members, peer } = await startListedFleet(
    1,
    {},
    {
      mcp(res) {
        if (++asked === 1) res.destroy();
        else res.writeHead(421, { 'x-berth-answer': 'unknown' }).end();
      },
    },
  );
  const remove = () => fetch(String(members[0]?.url), { method: 'DELETE', headers: inSession(newSessionId(peer.tag)) });
  expect((await remove()).status).toBe(200);
  expect((await remove()).status).toBe(404);
});

test('a peer that was held up hears of the changes of that time, of each thing once', async () => {
  const { definition, notes } = createParkable();
  const state = { heldUp: false };
  const { peer } = await startListedFleet(1, {}, { heldUp: () => state.heldUp }, definition);
  state.heldUp = true;
  for (let i = 0; i < 5; i++) {
    notes.notify?.toolsChanged();
    notes.notify?.resourceUpdated('lab://thing');
    await sleep(300);
  }
  expect(peer.asked('/berth/notify')).toEqual([]);
  state.heldUp = false;
  const told = () =>
    peer.asked('/berth/notify').map(({ body }) => {
      const { method, uri = '' } = JSON.parse(body) as Change;
      return `${method} ${uri}`.trim();
    });
  await eventually(told, ({ length }) => length >= 2);
  notes.notify?.promptsChanged();
  const things = ['tools/list_changed', 'resources/updated lab://thing', 'prompts/list_changed'];
  const wanted = things.map((thing) => `notifications/${thing}`);
  await eventually(told, (changes) => changes.includes(wanted[2] as string));
  // Those that were on their way when it was held up have come back by now.
  await sleep(2_500);
  expect(told()).toEqual(wanted);
});
