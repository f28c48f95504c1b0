import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newSession, redisForTest, startPod } from './pod.ts';

type Step =
  | { readonly does: 'append' | 'trim'; readonly count: number }
  | { readonly does: 'use' | 'write' | 'lose the log' | 'lose all' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ does: fc.constantFrom('append', 'trim'), count: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom('use', 'write') }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('lose the log', 'lose all') }) },
);

test('whatever is appended, trimmed and lost, the next write makes the store’s log the pod’s', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const session = newSession('pod-one1');
      const { id } = session.record;
      for (const step of steps) {
        if (step.does === 'append') for (let i = 0; i < step.count; i++) session.append(`{"é":${i}}`);
        else if (step.does === 'trim') session.trim(step.count);
        else if (step.does === 'lose the log') await redis.client.del(`berth:test:{${id}}:log`);
        else if (step.does === 'lose all')
          await redis.client.del(`berth:test:{${id}}:log`, `berth:test:{${id}}:record`);
        pod.store.changed(session);
        if (step.does === 'write') await pod.stored();
      }
      session.append('"the last"');
      pod.store.changed(session);
      await pod.stored();
      const { record, log } = session.snapshot();
      const found = await pod.store.takeOver(id, 'pod-one1', { ifEpoch: 1 });
      expect(found).toEqual({ taken: { record: { ...record, epoch: 2 }, log } });
    }),
    { numRuns: 60 },
  );
});

test('only events that are new are sent', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1');
  const session = pod.open();
  for (let i = 0; i < 100; i++) session.append(String(i));
  await pod.stored();
  for (let i = 0; i < 3; i++) {
    session.append('"new"');
    session.trim(1);
    pod.store.changed(session);
    await pod.stored();
  }
  expect(await redis.client.info('commandstats')).toContain('cmdstat_rpush:calls=104,');
  expect(await redis.client.llen(`berth:test:{${session.record.id}}:log`)).toBe(101);
});
