import { forEach } from './for-each.ts';
import type { LoadPlan } from './plan.ts';
import { AtRate } from './schedule.ts';
import type { Seat } from './seat.ts';

/** Opens a session at each seat, at the pace of the plan; after the signal no more are begun. */
export async function openSessions(
  seats: readonly Seat[],
  opening: LoadPlan['opening'],
  signal: AbortSignal,
): Promise<void> {
  if ('rate' in opening) await openAtRate(seats, opening.rate, signal);
  else await forEach(seats, opening.concurrency, (seat) => seat.open(performance.now()), signal);
}

async function openAtRate(seats: readonly Seat[], rate: number, signal: AbortSignal): Promise<void> {
  const schedule = new AtRate(rate);
  const end = () => schedule.end();
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  const opened: Promise<void>[] = [];
  for (const seat of seats) {
    const begun = await schedule.next(seat);
    if (begun === undefined) break;
    opened.push(seat.open(begun));
  }
  end();
  signal.removeEventListener('abort', end);
  await Promise.all(opened);
}
