import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { Child } from './child.ts';
import { ChildLimits } from './child-limits.ts';
import { Guard } from './guard.ts';
import { type ProcessEntry, ProcessTable } from './process-table.ts';
import { SHELL } from './spawn-command.ts';

export interface ChildrenOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** What each gets as its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes of one message. */
  readonly maxMessage: number;
  /** Bytes of memory for each process of a child. */
  readonly childMemory: number | undefined;
  /** Processes that one child may consist of. */
  readonly childProcesses: number | undefined;
  readonly log: Logger;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** All processes of one command: started alike, kept within limits, and none of them left when it closes. */
export class Children {
  readonly #options: ChildrenOptions;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #table: ProcessTable;
  readonly #guard: Guard;
  readonly #limits: ChildLimits;
  readonly #living = new Set<Child>();
  readonly #hasShell = existsSync(SHELL);
  #started = 0;
  /** This process ends, for a second signal or before it has served anybody: there is no time to be patient. */
  readonly #killAll = () => {
    for (const child of this.#living) child.kill();
  };

  constructor(options: ChildrenOptions) {
    const { environment, childMemory, childProcesses, log, clock } = options;
    this.#options = options;
    this.#table = new ProcessTable(clock);
    this.#guard = new Guard({ nonce: this.#nonce, path: environment['PATH'], log });
    this.#limits = new ChildLimits({ memory: childMemory, processes: childProcesses, table: this.#table });
    if (!this.#table.available && (childMemory ?? childProcesses) !== undefined)
      log.warn('Ignored --child-memory and --child-processes as far as they need /proc, which is not there');
  }

  /** The children that are not gone, those that are ending included. */
  get count(): number {
    return this.#living.size;
  }

  /** Starts one. It never throws: one that could not be started has exited. */
  spawn(): Child {
    this.#guard.start();
    const { command, environment, maxMessage, childMemory, log, clock } = this.#options;
    const child = new Child({
      command,
      environment,
      marker: `${this.#nonce}.${++this.#started}`,
      maxMessage,
      memory: this.#hasShell ? childMemory : undefined,
      table: this.#table,
      log,
      clock,
    });
    const { pid } = child;
    if (this.#living.size === 0) process.on('exit', this.#killAll);
    this.#living.add(child);
    // It is not reaped before this turn ends, so that the pid is still its own.
    if (pid !== undefined) this.#guard.begun(pid, this.#table.startOf(pid));
    this.#limits.watch(child);
    void child.gone.then(() => {
      this.#living.delete(child);
      if (this.#living.size === 0) process.off('exit', this.#killAll);
      if (pid !== undefined) this.#guard.ended(pid);
    });
    return child;
  }

  /**
   * Bytes of memory that all their processes take, a page that several have counted in parts; `undefined` where there is
   * no table of processes.
   */
  async memory(): Promise<number | undefined> {
    if (!this.#table.available) return undefined;
    const pids = new Set([...this.#living].map(({ pid }) => pid));
    const isOurs = ({ marker, group }: ProcessEntry) => marker?.startsWith(`${this.#nonce}.`) ?? pids.has(group);
    const entries = await this.#table.read();
    return entries.filter(isOurs).reduce((total, entry) => total + this.#table.shareOfMemory(entry), 0);
  }

  /** Ends all of them; resolves when none is left. */
  async close(): Promise<void> {
    await Promise.all([...this.#living].map((child) => child.close()));
    this.#guard.close();
  }
}
