import { setTimeout as sleep } from 'node:timers/promises';
import { cutAfter } from './cut-after.ts';
import type { LoadPlan } from './plan.ts';
import { AtRate, type Schedule, WithoutPause } from './schedule.ts';
import type { Seat } from './seat.ts';

/** A connection that fails does so at once: without a pause a closed loop would do nothing else. */
const AFTER_FAILURE_MS = 50;
/** A session that was refused asks again after this; servers name some seconds, and would be asked too rarely in a run. */
const REOPEN_MS = 1_000;
/** Calls that are under way at the end get so long to be answered. */
const GRACE_MS = 5_000;

/** Calls from all seats for the time of the plan, or until the signal. Answers how many calls were due and never sent. */
export async function makeCalls(
  seats: readonly Seat[],
  { rate, duration, churn }: Pick<LoadPlan, 'rate' | 'duration' | 'churn'>,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<number> {
  const schedule = rate === undefined ? new WithoutPause() : new AtRate(rate);
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), duration);
  const over = AbortSignal.any([signal, ending.signal]);
  const churning = new AtRate(churn);
  const ended = () => {
    clearTimeout(timer);
    schedule.end();
    churning.end();
    onEnd();
  };
  if (over.aborted) ended();
  else over.addEventListener('abort', ended, { once: true });
  const pausesAfterFailure = rate === undefined;
  const loops = seats.map((seat) => callFrom(seat, schedule, over, pausesAfterFailure));
  const done = Promise.all([...loops, dismissInTurns(seats, schedule, churning)]);
  await cutAfter(done, over, GRACE_MS, seats);
  return schedule.unsent;
}

async function callFrom(seat: Seat, schedule: Schedule, over: AbortSignal, pausesAfterFailure: boolean): Promise<void> {
  while (!over.aborted) {
    await seat.refresh();
    if (over.aborted) return;
    if (seat.client === undefined) {
      await pause(REOPEN_MS, over);
      continue;
    }
    const next = schedule.next(seat);
    const begun = next instanceof Promise ? await next : next;
    if (begun === undefined) continue;
    const { kind } = await seat.call(begun);
    if (kind === 'connection' && pausesAfterFailure) await pause(AFTER_FAILURE_MS, over);
  }
}

async function dismissInTurns(seats: readonly Seat[], schedule: Schedule, churning: Schedule): Promise<void> {
  for (let turn = 0; (await churning.next(seats)) !== undefined; turn++) {
    const seat = seats[turn % seats.length];
    if (seat === undefined) return;
    seat.dismiss(turn % 2 === 0 ? 'deleted' : 'vanished');
    schedule.wake(seat);
  }
}

const pause = (milliseconds: number, over: AbortSignal) =>
  // Rejects when it is over, which those who pause see for themselves.
  sleep(milliseconds, undefined, { signal: over }).catch(() => undefined);
