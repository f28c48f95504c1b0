import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { ChildOutput } from './child-output.ts';
import { CHILD_MARKER } from './environment.ts';
import { LastWords } from './last-words.ts';
import { ProcessFamily } from './process-family.ts';
import type { ProcessTable } from './process-table.ts';
import { spawnCommand } from './spawn-command.ts';

export interface ChildOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What no other child in the world has: whatever this one starts is known by it. */
  readonly marker: string;
  /** Bytes of one message. */
  readonly maxMessage: number;
  /** Bytes of memory for each of its processes. */
  readonly memory: number | undefined;
  readonly table: ProcessTable;
  readonly log: Logger;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why, where the two do not tell; it goes on after "The command", as in "could not be started: …". */
  readonly reason: string | undefined;
  /** The last of what it wrote to stderr. */
  readonly lastWords: string;
}

export interface ChildHandlers {
  /** Takes the child's next message. Nothing more is read from the child until the promise, if any, has settled. */
  message(message: JsonRpcMessage): Promise<void> | undefined;
  /** Told once, after the last message. */
  exited(exit: ChildExit): void;
}

/** Time to end by itself after its input has ended. */
const PATIENCE_AFTER_EOF_MS = 2_000;
/** Time from SIGTERM to SIGKILL. */
const PATIENCE_AFTER_SIGTERM_MS = 3_000;
/** After this it does not die by signals: it hangs in the kernel. */
const PATIENCE_AFTER_SIGKILL_MS = 5_000;
/** Time for what a child said before its end to be taken by a slow reader. */
const PATIENCE_FOR_LAST_MESSAGES_MS = 5_000;

/** How programs end that get no more memory: V8 by a trap or abort, others by using what they did not get. */
const OUT_OF_MEMORY: readonly NodeJS.Signals[] = ['SIGABRT', 'SIGTRAP', 'SIGSEGV', 'SIGILL'];

/** One running process that speaks MCP over stdio, with whatever it has started. */
export class Child {
  /** What its processes bear in their environment. */
  readonly marker: string;
  /** `undefined` when it could not be started. */
  readonly pid: number | undefined;
  /** Settles when it has ended and all that it had said is told; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Resolves when neither it nor anything that it started is left, but for what does not die even by SIGKILL. */
  readonly gone: Promise<void>;
  readonly #options: ChildOptions;
  readonly #family: ProcessFamily | undefined;
  readonly #process: ChildProcessWithoutNullStreams | undefined;
  readonly #words: LastWords;
  readonly #output: ChildOutput | undefined;
  /** Resolves `gone`. */
  readonly #leave: () => void;
  #reason: string | undefined;
  #killed = false;
  #ended = false;
  #drained: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ChildOptions) {
    const { command, marker, table, clock } = options;
    this.#options = options;
    this.marker = marker;
    this.#words = new LastWords(options.log, clock);
    const exit = Promise.withResolvers<ChildExit>();
    const gone = Promise.withResolvers<void>();
    this.exited = exit.promise;
    this.gone = gone.promise;
    this.#leave = gone.resolve;
    const fail = (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#ended = true;
      this.#reason = `could not be started (${command.join(' ')}): ${why}`;
      exit.resolve({ code: null, signal: null, reason: this.#reason, lastWords: '' });
      gone.resolve();
    };
    let started: ChildProcessWithoutNullStreams;
    try {
      started = spawnCommand({ ...options, environment: { ...options.environment, [CHILD_MARKER]: marker } });
    } catch (error) {
      // What Node tells by throwing, such as arguments that are too long.
      fail(error);
      return;
    }
    const { pid, stdin, stdout, stderr } = started;
    // Later ones, of signals that could not be sent, tell nothing that the exit does not.
    started.on('error', (error) => pid === undefined && fail(error));
    // What could not be written is not worth a word: that the child is gone is told by its exit.
    // Without a file descriptor to spare there are none of them.
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => {});
    if (pid === undefined) return;
    this.pid = pid;
    this.#process = started;
    this.#log(options.log);
    this.#family = new ProcessFamily(pid, marker, table);
    this.#output = new ChildOutput(stdout, {
      maxMessage: options.maxMessage,
      clock,
      onNoise: (line) => this.#words.logger.warn({ line }, 'Dropped a line on stdout that is not JSON-RPC'),
      onTooLong: () => this.kill(`wrote a message of more than ${options.maxMessage} bytes (--max-message)`),
    });
    stderr.on('data', (chunk: Buffer) => this.#words.push(chunk));
    const allSaid = new Promise<void>((resolve) => stderr.once('close', () => resolve()));
    started.once('exit', (code, signal) => {
      this.#ended = true;
      void this.#end(allSaid).then(() => {
        exit.resolve({
          code,
          signal,
          reason: this.#reason ?? this.#limitProblem(code, signal),
          lastWords: this.#words.text,
        });
      });
    });
  }

  /** Whether it has ended, or was never started; what it had said may not have been told yet. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * When it last said a message, or a part of one, by the clock; it is now while it waits for us to listen. `undefined`:
   * never yet.
   */
  get lastHeard(): number | undefined {
    return this.#output?.lastHeard;
  }

  /** Bytes that were sent and that it has not taken. */
  get unsent(): number {
    return this.#process?.stdin.writableLength ?? 0;
  }

  /** Hears what it says, from its first word; called once. */
  listen(handlers: ChildHandlers): void {
    this.#output?.read((message) => handlers.message(message));
    void this.exited.then((exit) => handlers.exited(exit));
  }

  /** Belongs to a session from now on, which its words in the log name. */
  assign(session: string): void {
    this.#log(this.#options.log.child({ session }));
  }

  /** Says something to it. The promise, if any, ends when it has caught up, or is gone. */
  send(message: JsonRpcMessage): Promise<void> | undefined {
    const stdin = this.#process?.stdin;
    if (stdin === undefined || !stdin.writable) return undefined;
    if (stdin.write(`${lineOf(message)}\n`)) return undefined;
    this.#drained ??= new Promise((resolve) => {
      const done = () => {
        this.#drained = undefined;
        stdin.off('drain', done).off('close', done);
        resolve();
      };
      stdin.once('drain', done).once('close', done);
    });
    return this.#drained;
  }

  /** Lets it end: first its input ends, then it is asked to, then made to. Resolves when nothing of it is left. */
  close(): Promise<void> {
    this.#closing ??= this.#closeInSteps();
    return this.#closing;
  }

  /** Ends it at once; `reason` goes on after "The command". */
  kill(reason?: string): void {
    this.#killed = true;
    this.#output?.discard();
    if (this.#ended) return;
    this.#reason ??= reason;
    this.#family?.signal('SIGKILL');
  }

  async #closeInSteps(): Promise<void> {
    // It must not wait for somebody to read what it still says.
    this.#output?.discard();
    this.#process?.stdin.end();
    if (this.pid !== undefined && !(await this.#endsWithin(PATIENCE_AFTER_EOF_MS))) {
      this.#family?.signal('SIGTERM');
      if (!(await this.#endsWithin(PATIENCE_AFTER_SIGTERM_MS))) this.kill();
      if (!(await this.#endsWithin(PATIENCE_AFTER_SIGKILL_MS))) this.#abandon();
    }
    await this.gone;
  }

  /** Waits no longer for what nobody can end: its place may be used, and berth may end. */
  #abandon(): void {
    this.#words.logger.error('Could not end a child, which did not die by SIGKILL, and left it behind');
    this.#leave();
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    if (this.#ended) return true;
    const waiting = new AbortController();
    const ended = new Promise<void>((resolve) => this.#process?.once('exit', () => resolve()));
    const late = sleep(milliseconds, undefined, { signal: waiting.signal }).catch(() => {
      // It has ended in time.
    });
    await Promise.race([ended, late]);
    waiting.abort();
    return this.#ended;
  }

  /** The first process has ended: ends the others, and hears what there is still to hear. */
  async #end(allSaid: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    void this.#family?.end({ killed: () => this.#killed, clock }).then(this.#leave);
    const waiting = new AbortController();
    const late = sleep(PATIENCE_FOR_LAST_MESSAGES_MS, undefined, { signal: waiting.signal }).catch(() => {
      // All was heard in time.
    });
    await Promise.race([Promise.all([this.#output?.ended, allSaid]), late]);
    waiting.abort();
    this.#output?.discard();
    this.#words.end();
    const { stdin, stdout, stderr } = this.#process ?? {};
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
  }

  /** What a limit of memory has to do with the end of it. */
  #limitProblem(code: number | null, signal: NodeJS.Signals | null): string | undefined {
    const { memory, command } = this.#options;
    if (memory === undefined) return undefined;
    // The shell that sets the limit tells so that there is no such program (POSIX, exit status of commands).
    if (this.lastHeard === undefined && (code === 126 || code === 127))
      return `could not be started (${command.join(' ')}): ${this.#words.text}`;
    if (signal === null || !OUT_OF_MEMORY.includes(signal)) return undefined;
    return `was ended by ${signal} under a limit of ${Math.floor(memory / 2 ** 20)} MiB of memory (--child-memory)`;
  }

  #log(log: Logger): void {
    this.#words.logger = log.child({ pid: this.pid });
  }
}

/** Node's readline, which many small servers read with, takes two more characters for ends of lines. */
function lineOf(message: JsonRpcMessage): string {
  return JSON.stringify(message).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
