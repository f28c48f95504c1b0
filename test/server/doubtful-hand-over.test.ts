import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { HandOver } from '../../src/server/fleet/departures.ts';
import { startListedFleet } from './listed-fleet.ts';
import { eventually } from './running.ts';
import { inSession, modernCall, openSession, post, toolCall } from './wire.ts';

/** The same session one move later. */
function later(offered: HandOver): HandOver {
  const { record, log } = offered.snapshot;
  return { ...offered, snapshot: { record: { ...record, epoch: record.epoch + 1 }, log }, overCap: true };
}

/** A pod whose only slot a call holds, so that its session has to go to the played peer when it is asked for. */
async function startCrowded(options: Parameters<typeof startListedFleet>[2], settings = {}, callLasts = 2_800) {
  const { members, addresses, peer } = await startListedFleet(1, { maxConnections: '1', ...settings }, options);
  const [lab, address] = [members[0] as (typeof members)[number], String(addresses[0])];
  const id = await openSession(lab.url);
  const call = modernCall(lab.url, 'wait', { ms: callLasts });
  await eventually(lab.counts, ({ sessions }) => sessions.parked === 1);
  return { lab, address, peer, id, call };
}

const nowhere = { active: 0, dozing: 0, parked: 0 };

test('a session that came back while it was on its way is there once, and over after its DELETE', async () => {
  const state: { back?: Promise<number> } = {};
  const { lab, address, peer, id, call } = await startCrowded({
    // It has taken it, can not say so, and hands it back.
    handOver(offered) {
      state.back ??= peer.ask(address, '/berth/sessions', later(offered));
    },
  });
  expect((await post(lab.url, toolCall(1, 'session'), inSession(id))).status).toBe(200);
  expect(await state.back).toBe(200);
  await call;
  expect((await lab.counts()).sessions).toMatchObject({ parked: 0 });
  expect((await fetch(lab.url, { method: 'DELETE', headers: inSession(id) })).status).toBe(200);
  expect((await lab.counts()).sessions).toEqual(nowhere);
  expect((await post(lab.url, toolCall(2, 'session'), inSession(id))).status).toBe(404);
  expect((await lab.counts()).active).toBe(0);
});

test('a session that came back and ended while it was on its way stays over', async () => {
  const state: { ended?: Promise<number> } = {};
  const { lab, address, peer, id, call } = await startCrowded({
    async handOver(offered) {
      if (state.ended !== undefined) return;
      const end = async () => {
        await peer.ask(address, '/berth/sessions', later(offered));
        return (await fetch(lab.url, { method: 'DELETE', headers: inSession(id) })).status;
      };
      state.ended = end();
    },
  });
  const asked = post(lab.url, toolCall(1, 'session'), inSession(id));
  expect((await asked).status).toBe(404);
  expect(await state.ended).toBe(200);
  await call;
  expect((await lab.counts()).sessions).toEqual(nowhere);
});

test('a session that is known to be elsewhere by now does not come back when its hand-over fails', async () => {
  const { lab, address, peer, id, call } = await startCrowded({
    handOver(offered) {
      const { record } = later(offered).snapshot;
      void peer.ask(address, '/berth/moves', [{ id: record.id, address: peer.address, epoch: record.epoch }]);
    },
    mcp: (res) => res.writeHead(200, { 'content-type': 'application/json' }).end('"there"'),
  });
  const answer = await post(lab.url, toolCall(1, 'session'), inSession(id));
  expect(await answer.json()).toBe('there');
  await call;
  expect((await lab.counts()).sessions).toEqual(nowhere);
});

test('a pod that took a session and could not say so is asked, and not offered it again', async () => {
  let epoch = -1;
  const { members, peer } = await startListedFleet(
    1,
    { drainWindow: '5s', longestCall: '5s' },
    {
      handOver: ({ snapshot }) => {
        epoch = snapshot.record.epoch;
      },
      find: () => ({ address: peer.address, epoch }),
    },
  );
  const [lab] = members as [(typeof members)[number]];
  await openSession(lab.url);
  expect(await lab.stop()).toMatchObject({ sessionsHandedOver: 1, sessionsClosed: 0 });
  expect(peer.asked('/berth/sessions')).toHaveLength(1);
});

test.for<[string, (offered: HandOver) => unknown]>([
  ['nothing', () => null],
  ['no snapshot', (offered) => ({ ...offered, snapshot: null })],
  [
    'no epoch',
    (offered) => ({
      ...offered,
      snapshot: { ...offered.snapshot, record: { ...offered.snapshot.record, epoch: undefined } },
    }),
  ],
  [
    'an event that is none',
    (offered) => ({ ...offered, snapshot: { ...offered.snapshot, log: { ...offered.snapshot.log, events: [null] } } }),
  ],
  ['what it heard as a number', (offered) => ({ ...offered, heard: 5 })],
  ['no time', (offered) => ({ ...offered, idleFor: null })],
  ['no word on its slot', (offered) => ({ ...offered, active: undefined })],
])('a hand-over with %s is refused, and changes nothing', async ([, unfit]) => {
  const { members, addresses, peer } = await startListedFleet(1);
  const [lab] = members as [(typeof members)[number]];
  const id = await openSession(lab.url);
  const record = { id, epoch: 5, protocolVersion: '2025-11-25', announces: [], initialize: {}, subscriptions: [] };
  const log = { sequence: 0, trimmedTo: 0, lastStream: 0, listened: false, events: [] };
  const snapshot = { record: { ...record, state: {}, openedAt: Date.now() }, log };
  const offered = { snapshot, heard: [], idleFor: 0, active: true, overCap: false } as unknown as HandOver;
  expect(await peer.ask(String(addresses[0]), '/berth/sessions', unfit(offered))).toBe(400);
  expect((await lab.counts()).active).toBe(1);
  expect((await post(lab.url, toolCall(1, 'session'), inSession(id))).status).toBe(200);
  expect(await peer.ask(String(addresses[0]), '/berth/sessions', offered)).toBe(200);
  expect((await lab.counts()).active).toBe(1);
});

test('a session that comes back when the drain had nothing left is still handed over', async () => {
  const { lab, peer, id, call } = await startCrowded(
    {
      async handOver({ active }, res) {
        if (active) await sleep(800);
        res.writeHead(active ? 507 : 200).end();
      },
    },
    { drainDelay: '300ms', drainWindow: '1s', longestCall: '5s' },
    2_500,
  );
  const stopped = lab.stop();
  await sleep(100);
  const asked = post(lab.url, toolCall(1, 'session'), inSession(id));
  await eventually(
    () => peer.asked('/berth/sessions').length,
    (count) => count === 1,
  );
  expect(await stopped).toMatchObject({ sessionsHandedOver: 1, sessionsClosed: 0 });
  await Promise.all([asked, call]);
});

test('pods that take sessions without a word do not hold up a drain', async () => {
  const { members } = await startListedFleet(1, { drainWindow: '200ms', longestCall: '300ms' }, { handOver() {} });
  const [lab] = members as [(typeof members)[number]];
  for (let i = 0; i < 40; i++) await openSession(lab.url);
  const begun = performance.now();
  expect(await lab.stop()).toMatchObject({ sessionsClosed: 40 });
  expect(performance.now() - begun).toBeLessThan(2_000);
});
