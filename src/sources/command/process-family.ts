import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessEntry, ProcessTable } from './process-table.ts';

/** Time for those that the first process left behind, from SIGTERM to SIGKILL. */
const GRACE_MS = 1_000;
/** After this what is still there does not die by signals: it hangs in the kernel, or nobody reaps it. */
const PATIENCE_MS = 5_000;
const FIRST_LOOK_MS = 10;
const SLOWEST_LOOK_MS = 250;

/** A child's first process with all that it started: its group, and what left the group but bears its marker. */
export class ProcessFamily {
  /** The pid of the first process, and so the id of the group. */
  readonly #group: number;
  readonly #marker: string;
  readonly #table: ProcessTable;

  constructor(group: number, marker: string, table: ProcessTable) {
    this.#group = group;
    this.#marker = marker;
    this.#table = table;
  }

  /** Whether a process is of this family. */
  includes({ group, marker }: ProcessEntry): boolean {
    // Some programs write over their environment; a group's id that another child has got since is not ours.
    return marker === this.#marker || (marker === undefined && group === this.#group);
  }

  /** Signals the whole group; `false` when there is none any more. */
  signal(signal: NodeJS.Signals | 0): boolean {
    try {
      process.kill(-this.#group, signal);
      return true;
    } catch (error) {
      // EPERM: there are some, of another user.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  /** Ends all that is left once the first process is gone; with patience unless `killed`. Never rejects. */
  async end({ killed, clock }: { killed: () => boolean; clock: () => number }): Promise<void> {
    const begun = clock();
    const told = new Set<string>();
    // The first process was reaped just now, so the group's id can not have gone to another yet.
    this.signal(killed() ? 'SIGKILL' : 'SIGTERM');
    for (let look = FIRST_LOOK_MS; ; look = Math.min(SLOWEST_LOOK_MS, look * 2)) {
      if (!(await this.#tellRest(killed() || clock() - begun >= GRACE_MS, told))) return;
      if (clock() - begun >= PATIENCE_MS) return;
      await sleep(look);
    }
  }

  /** Whether there is anybody left, who has been told to end by now. */
  async #tellRest(kill: boolean, told: Set<string>): Promise<boolean> {
    if (!this.#table.available) return this.signal(kill ? 'SIGKILL' : 0);
    try {
      const rest = (await this.#table.read()).filter((entry) => this.includes(entry));
      for (const entry of rest) {
        if (kill) this.#table.signal(entry, 'SIGKILL');
        else if (!told.has(identityOf(entry))) this.#table.signal(entry, 'SIGTERM');
        told.add(identityOf(entry));
      }
      return rest.length > 0;
    } catch {
      // The table can not be read now. Those of the group can do without; who left it waits for the next look.
      if (kill) this.signal('SIGKILL');
      return true;
    }
  }
}

const identityOf = ({ pid, started }: ProcessEntry) => `${pid} ${started}`;
