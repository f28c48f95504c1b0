import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { CHILD_MARKER } from './environment.ts';
import { GUARD_SCRIPT } from './guard-script.ts';
import { SHELL } from './spawn-command.ts';

export interface GuardOptions {
  /** How the markers of this berth's children begin, and no others do. */
  readonly nonce: string;
  /** Where the shell finds `sleep`. */
  readonly path: string | undefined;
  readonly log: Logger;
  readonly shell?: string;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * A shell that outlives this process to end its children, should it be killed before it can: many servers do not
 * notice that their input has ended.
 */
export class Guard {
  readonly #options: GuardOptions;
  /** The first processes of living children, as `pid.started`. */
  readonly #leaders = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #pause = FIRST_PAUSE_MS;
  #unable = false;
  #closed = false;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The guard's process, while there is one. */
  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  /** Stands by from now on, before the first child starts. */
  start(): void {
    if (this.#closed || this.#unable || this.#shell !== undefined || this.#restart !== undefined) return;
    const { nonce, path, shell = SHELL, log } = this.#options;
    if (!existsSync(shell)) {
      this.#unable = true;
      log.warn(`Started a command without a guard, since there is no ${shell}: if berth is killed, children may stay`);
      return;
    }
    const guard = spawn(shell, ['-c', GUARD_SCRIPT, 'berth-guard', `${CHILD_MARKER}=${nonce}`], {
      // A group of its own, so that no signal to berth's reaches it; and no marker, so that no other guard does.
      detached: true,
      env: path === undefined ? {} : { PATH: path },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell = guard;
    guard.unref();
    // A pipe of a child's is a socket, which alone would keep this process alive.
    const stdin = guard.stdin as (typeof guard.stdin & { unref(): void }) | undefined;
    // Without a file descriptor to spare there is none, and an error to follow.
    stdin?.unref();
    stdin?.on('error', () => {});
    let ended = false;
    const end = (why: string) => {
      if (!ended) this.#ended(why);
      ended = true;
    };
    guard.once('error', (error) => end(error.message));
    guard.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    for (const leader of this.#leaders.values()) this.#tell('begun', leader);
  }

  /** A child has started; with `started`, as the table of processes has it, its pid is not taken for a later one's. */
  begun(pid: number, started = ''): void {
    const leader = `${pid}.${started}`;
    this.#leaders.set(pid, leader);
    this.#tell('begun', leader);
  }

  /** Nothing of that child is left. */
  ended(pid: number): void {
    const leader = this.#leaders.get(pid);
    if (leader === undefined) return;
    this.#leaders.delete(pid);
    this.#tell('ended', leader);
  }

  /** There are no children any more: it goes too. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#shell?.stdin?.end('done\n');
  }

  #tell(word: string, leader: string): void {
    this.#shell?.stdin?.write(`${word} ${leader}\n`);
  }

  #ended(why: string): void {
    this.#shell = undefined;
    if (this.#closed) return;
    this.#options.log.warn({ why, pauseMs: this.#pause }, 'Lost the guard of the children, starting another');
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.start();
    }, this.#pause).unref();
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
  }
}
