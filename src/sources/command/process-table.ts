import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { CHILD_MARKER } from './environment.ts';

/** One process, as it was when the table was read. */
export interface ProcessEntry {
  readonly pid: number;
  /** The id of its process group. */
  readonly group: number;
  /** Clock ticks from boot to its start: with the pid, what no other process has. */
  readonly started: string;
  /** Which child it belongs to, as its environment says. */
  readonly marker: string | undefined;
}

/** Reading one entry takes some 30 µs; so a turn of the event loop is held up for 2 ms at most. */
const ENTRIES_PER_TURN = 50;
const LEAST_SPACING_MS = 50;
/** A large table is read less often: at most this part of the time goes into it. */
const LARGEST_SHARE = 1 / 5;
/** Larger than any `stat` or `status` of a process. */
const READ_BYTES = 4096;
/** What keeps this process from reading, and says nothing of the one that it wanted to read of. */
const SHORTAGES: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

/** The processes of this machine or pod, from Linux's /proc; many who ask at once share one reading. */
export class ProcessTable {
  readonly #root: string;
  readonly #clock: () => number;
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);
  /** The markers of processes that were seen before, by pid; a process gets no other one in its life. */
  #known = new Map<number, ProcessEntry>();
  #next: Promise<readonly ProcessEntry[]> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #freeAt = 0;
  /** Whether there is such a table here. */
  readonly available: boolean;

  /** `clock` answers milliseconds. */
  constructor(clock: () => number, root = '/proc') {
    this.#clock = clock;
    this.#root = root;
    this.available = existsSync(`${root}/self/stat`);
  }

  /**
   * All processes but those that have ended; read after this call, soon. None where there is no table. Rejects when they
   * can not be read now, for want of a file descriptor as a rule; the next reading may succeed.
   */
  read(): Promise<readonly ProcessEntry[]> {
    if (!this.available) return Promise.resolve([]);
    this.#next ??= this.#readNext();
    return this.#next;
  }

  /** When a process started, as its entry says; `undefined` when that can not be known now. */
  startOf(pid: number): string | undefined {
    try {
      return this.#stat(pid)?.started;
    } catch {
      // For want of a file descriptor.
      return undefined;
    }
  }

  /** Sends a signal to a process if it is still the same one; throws when that can not be known now. */
  signal({ pid, started }: ProcessEntry, signal: NodeJS.Signals): void {
    if (this.#stat(pid)?.started !== started) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It ended just now, or belongs to another user by now.
    }
  }

  /** Bytes of memory that are this process's own: without the files that it has mapped. Throws as `signal` does. */
  memoryOf({ pid }: ProcessEntry): number {
    const status = this.#text(`${this.#root}/${pid}/status`) ?? '';
    let kilobytes = 0;
    for (const [, number] of status.matchAll(/^Rss(?:Anon|Shmem):\s*(\d+) kB/gm)) kilobytes += Number(number);
    return kilobytes * 1024;
  }

  /**
   * Bytes of memory that this process takes, files that it has mapped included and shared pages counted in parts; where
   * the kernel does not say so, all of its resident memory. Throws as `signal` does.
   */
  shareOfMemory({ pid }: ProcessEntry): number {
    const of = (file: string, key: string) =>
      new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(this.#text(`${this.#root}/${pid}/${file}`) ?? '')?.[1];
    return Number(of('smaps_rollup', 'Pss') ?? of('status', 'VmRSS') ?? 0) * 1024;
  }

  async #readNext(): Promise<readonly ProcessEntry[]> {
    // That it failed is for those to know who asked for it.
    await this.#last.catch(() => {});
    const wait = this.#freeAt - this.#clock();
    if (wait > 0) await sleep(wait);
    // Whoever asks from now on may look for what this reading has passed already.
    this.#next = undefined;
    const begun = this.#clock();
    const reading = this.#readAll();
    this.#last = reading;
    try {
      return await reading;
    } finally {
      const took = this.#clock() - begun;
      this.#freeAt = this.#clock() + Math.max(LEAST_SPACING_MS, took / LARGEST_SHARE);
    }
  }

  async #readAll(): Promise<readonly ProcessEntry[]> {
    const pids = readdirSync(this.#root).filter((name) => /^\d+$/.test(name));
    const entries: ProcessEntry[] = [];
    const known = new Map<number, ProcessEntry>();
    for (const [index, name] of pids.entries()) {
      if (index % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await nextTurn();
      const stat = this.#stat(Number(name));
      if (stat === undefined || /[ZX]/.test(stat.state)) continue;
      const { pid, group, started } = stat;
      const before = this.#known.get(pid);
      const same = before?.started === started ? before : undefined;
      // Group 0 are the kernel's own threads, which have no environment.
      const environment = same === undefined && group !== 0 ? await this.#environment(pid) : '';
      const entry = { pid, group, started, marker: same?.marker ?? markerIn(environment) };
      entries.push(entry);
      // One that is just being started has none yet.
      if (same !== undefined || group === 0 || environment !== '') known.set(pid, entry);
    }
    this.#known = known;
    return entries;
  }

  #stat(pid: number): { pid: number; state: string; group: number; started: string } | undefined {
    const text = this.#text(`${this.#root}/${pid}/stat`);
    if (text === undefined) return undefined;
    // A program's name stands in parentheses, and may have some itself (proc(5)).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, state: fields[0] ?? '', group: Number(fields[2]), started: fields[19] ?? '' };
  }

  #text(path: string): string | undefined {
    try {
      const file = openSync(path, 'r');
      try {
        return this.#buffer.toString('latin1', 0, readSync(file, this.#buffer));
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throwShortage(error);
      // It has ended.
      return undefined;
    }
  }

  /** Not read at once as the rest is: the kernel lets the reader wait while the process changes its memory. */
  async #environment(pid: number): Promise<string> {
    try {
      return await readFile(`${this.#root}/${pid}/environ`, 'latin1');
    } catch (error) {
      throwShortage(error);
      // It has ended, or belongs to another user.
      return '';
    }
  }
}

function throwShortage(error: unknown): void {
  if (SHORTAGES.includes((error as NodeJS.ErrnoException).code)) throw error;
}

function markerIn(environment: string): string | undefined {
  const start = `${CHILD_MARKER}=`;
  return environment
    .split('\0')
    .find((variable) => variable.startsWith(start))
    ?.slice(start.length);
}
