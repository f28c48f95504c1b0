import type { Seat } from './seat.ts';

/** Waits for work, and has what is under way fail so long after the signal. */
export async function cutAfter<T>(
  work: Promise<T>,
  signal: AbortSignal,
  grace: number,
  seats: readonly Seat[],
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => {
      for (const seat of seats) seat.cut();
    }, grace);
  };
  if (signal.aborted) start();
  else signal.addEventListener('abort', start, { once: true });
  try {
    return await work;
  } finally {
    signal.removeEventListener('abort', start);
    clearTimeout(timer);
  }
}
