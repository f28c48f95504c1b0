import { expect, test } from 'vitest';
import { startFleet } from '../server/fleet-lab.ts';
import { eventually, startLab } from '../server/running.ts';
import { inSession, openSession, post, toolCall } from '../server/wire.ts';
import { redisForTest } from './pod.ts';

const idOf = (name: string) => `ABCDEFGH${name.padEnd(22, '0')}`;

/** What may be wrong in a store, made of a session that is right. */
const WRONG: Readonly<Record<string, (record: object, id: string) => string | undefined>> = {
  'another-id': (record) => JSON.stringify(record),
  'no-id': (record) => JSON.stringify({ ...record, id: undefined }),
  'no-record': () => undefined,
  'no-JSON': () => '{',
  'no-subscriptions': (record, id) => JSON.stringify({ ...record, id, subscriptions: undefined }),
};

test.each([
  ['without peers', false],
  ['with peers', true],
])('a wrong record in the store is nobody’s session, said once, and harms no other: %s', async (_how, inFleet) => {
  const { url, client } = await redisForTest();
  const settings = { sessionStore: url };
  const fleet = inFleet ? await startFleet(1, settings) : undefined;
  const pod = fleet?.members[0] ?? (await startLab(settings, undefined, { sessions: 'parkable' }));
  const living = await openSession(pod.url);
  const [key = ''] = await eventually(
    () => client.keys('*:record'),
    (keys) => keys.length === 1,
  );
  const { record = '', head = '' } = await client.hgetall(key);
  // In a fleet nobody looks for the session of a pod that was never there.
  const prefix = inFleet ? living.slice(0, 8) : 'ABCDEFGH';
  for (const [name, change] of Object.entries(WRONG)) {
    const id = prefix + idOf(name).slice(8);
    const wrong = change(JSON.parse(record) as object, id);
    const fields = { owner: 'ABCDEFGH', epoch: '1', version: '1', head, ...(wrong !== undefined && { record: wrong }) };
    await client.hset(key.replace(living, id), fields);
    const call = toolCall(1, 'echo', { value: 'x' });
    for (let round = 1; round <= 2; round++) {
      const answer = await post(pod.url, call, inSession(id), AbortSignal.timeout(5_000));
      expect([name, answer.status]).toEqual([name, 404]);
      // One attempt for each request, however it ends.
      expect(Number(await client.hget(key.replace(living, id), 'epoch'))).toBe(1 + round);
    }
    expect([
      name,
      pod.logs.filter(({ msg, session }) => msg === 'Could not take over session' && session === id).length,
    ]).toEqual([name, 1]);
  }
  expect((await post(pod.url, toolCall(2, 'echo', { value: 'x' }), inSession(living))).status).toBe(200);
  expect((await pod.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
});
