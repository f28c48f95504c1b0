import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { Alarm } from '../../../src/operator/certificates/alarm.ts';

const LONG = 3_600_000;
const never = new AbortController().signal;

test('a ring ends a sleep', async () => {
  const alarm = new Alarm();
  const sleep = alarm.sleep(LONG, never);
  alarm.ring();
  await sleep;
});

test('a ring while nobody slept ends the next sleep at once, and that one alone', async () => {
  const alarm = new Alarm();
  alarm.ring();
  alarm.ring();
  await alarm.sleep(LONG, never);
  let awake = false;
  const second = alarm.sleep(20, never).then(() => (awake = true));
  await Promise.resolve();
  expect(awake).toBe(false);
  await second;
});

test('an abort ends a sleep, and nothing of it stays with the signal', async () => {
  const alarm = new Alarm();
  const end = new AbortController();
  await alarm.sleep(1, end.signal);
  expect(getEventListeners(end.signal, 'abort')).toHaveLength(0);
  const sleep = alarm.sleep(LONG, end.signal);
  end.abort();
  await sleep;
  await alarm.sleep(LONG, end.signal);
});
