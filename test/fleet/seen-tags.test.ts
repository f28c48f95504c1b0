import { expect, test } from 'vitest';
import { SeenTags, tagsOf } from '../../src/fleet/seen-tags.ts';
import { newSessionId } from '../../src/fleet/session-id.ts';

const LASTING = 80_000;

test('a tag counts for as long as it is told, seen, or carried by a session that is here', () => {
  let now = 0;
  const tags = new SeenTags(LASTING, () => now);
  tags.add('gone-pod');
  tags.add('carried1');
  tags.carried = () => ['carried1'];
  for (; now < 2 * LASTING; now += 1_000) tags.collect();
  expect(tags.has('gone-pod')).toBe(false);
  expect(tags.has('carried1')).toBe(true);
  expect(tags.newest['carried1']).toBeLessThanOrEqual(tags.tellEvery);
  tags.carried = () => [];
  for (const end = now + LASTING; now <= end; now += 1_000) tags.collect();
  expect(tags.has('carried1')).toBe(false);
});

test('the sessions here are looked at eight times while a tag counts, however often tags are collected', () => {
  let now = 0;
  let looks = 0;
  const tags = new SeenTags(LASTING, () => now);
  tags.carried = () => {
    looks++;
    return [];
  };
  for (; now < LASTING; now += 1_000) tags.collect();
  expect(looks).toBe(8);
});

test('the tags of twenty thousand sessions are collected in a few milliseconds', () => {
  const sessions = Array.from({ length: 20_000 }, (_, index) => ({
    record: { id: newSessionId(`pod-000${index % 3}`) },
  }));
  const begun = performance.now();
  expect(tagsOf([...sessions, { record: { id: 'no id of ours' } }])).toEqual(
    new Set(['pod-0000', 'pod-0001', 'pod-0002']),
  );
  // 3 ms on a machine that is not busy.
  expect(performance.now() - begun).toBeLessThan(200);
});
