import { readFileSync } from 'node:fs';
import { statOf } from './process-tree.ts';

/** Linux tells user space times in hundredths of a second on every architecture. */
const TICKS_PER_SECOND = 100;

const sum = (pids: readonly number[], of: (pid: number) => number) => pids.reduce((all, pid) => all + of(pid), 0);

/**
 * CPU seconds that these processes have used, with those of children that they have waited for: what a child used is not
 * lost when it ends. A tick is 10 ms, so that what is measured must take seconds.
 */
export const cpuSeconds = (pids: readonly number[]) =>
  sum(pids, (pid) => sum((statOf(pid) ?? []).slice(11, 15).map(Number), (ticks) => ticks / TICKS_PER_SECOND));

/** Resident memory of these processes; pages that they share count once for each. */
export const rssBytes = (pids: readonly number[]) => sum(pids, (pid) => bytesOf(pid, 'status', 'VmRSS'));

/** Resident memory of these processes; a page that so many processes share counts as a share of it for each. */
export const pssBytes = (pids: readonly number[]) => sum(pids, (pid) => bytesOf(pid, 'smaps_rollup', 'Pss'));

/** One field of a file in `/proc/PID`, which tells kilobytes; nothing of a process that is gone. */
function bytesOf(pid: number, file: string, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'latin1');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}
