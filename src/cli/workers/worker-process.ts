import { type ChildProcess, fork } from 'node:child_process';
import { UsageError } from '../../config/problems.ts';
import type { DrainReport } from '../../server/drain.ts';
import type { Answers, Assignment, Listening, Order, Word } from './messages.ts';

/** How a worker ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Milliseconds that it served; 0 if it never did. */
  readonly served: number;
}

/** The numbers of a worker that is busier than this are not worth waiting for. */
const ANSWER_MS = 500;
/** For a worker that was told to end at once; its last answers take half a second at most. */
const HURRIED_MS = 2_000;

/** For a worker that does not serve yet to end what it has started; one whose module never waits hears nothing. */
const STARTING_MS = 1_000;

/** One worker, as its supervisor sees it. */
export class WorkerProcess {
  /** Rejects with what to tell the user when the worker ends before it serves. */
  readonly listening: Promise<Listening>;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #listening = Promise.withResolvers<Listening>();
  readonly #exited = Promise.withResolvers<Exit>();
  readonly #questions = new Map<number, (answer: Answers[keyof Answers]) => void>();
  readonly #onPeer: () => void;
  #servingSince: number | undefined;
  #maxConnections = 0;
  #peerPort = 0;
  #lastQuestion = 0;
  #drained: DrainReport | undefined;

  /** Starts it; `onPeer` is called when its peer listener is there. */
  constructor(assignment: Assignment, onPeer: () => void) {
    this.listening = this.#listening.promise;
    this.exited = this.#exited.promise;
    this.#onPeer = onPeer;
    // The same program, whether it runs from sources, from the package or from the image.
    this.#child = fork(process.argv[1] as string, ['worker'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#child.on('message', (word: Word) => this.#hear(word));
    this.#child.on('exit', (code, signal) => this.#ended(code, signal));
    // Only a process that never came to be has no exit.
    this.#child.on('error', (error) => {
      this.#listening.reject(error);
      if (this.#child.pid === undefined) this.#ended(null, null);
    });
    this.send({ kind: 'start', assignment });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get serving(): boolean {
    return this.#servingSince !== undefined;
  }

  /** Connections that it holds at most; 0 while it does not serve. */
  get maxConnections(): number {
    return this.#maxConnections;
  }

  /** Where the other workers reach it; `undefined` while it has no peer listener. */
  get peerAddress(): string | undefined {
    return this.#peerPort === 0 ? undefined : `127.0.0.1:${this.#peerPort}`;
  }

  send(order: Order): void {
    // A worker that is gone already is noticed by its exit.
    this.#child.send(order, () => {});
  }

  /** Answers `undefined` when the worker does not within half a second. */
  ask<What extends keyof Answers>(what: What): Promise<Answers[What] | undefined> {
    const id = ++this.#lastQuestion;
    return new Promise((resolve) => {
      const over = (answer: Answers[keyof Answers] | undefined) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve(answer as Answers[What] | undefined);
      };
      const timer = setTimeout(over, ANSWER_MS, undefined);
      this.#questions.set(id, over);
      this.send({ kind: 'ask', id, what });
    });
  }

  /**
   * Drains it and waits for its end, for so many milliseconds at most; answers `undefined` when it ended some other way.
   * One that serves not yet ends at once.
   */
  async stop(limit: number, hurry: AbortSignal): Promise<DrainReport | undefined> {
    if (!this.serving) return await this.#abandon();
    this.send({ kind: 'stop' });
    let timer = setTimeout(() => this.kill(), limit);
    const onHurry = () => {
      this.send({ kind: 'hurry' });
      clearTimeout(timer);
      timer = setTimeout(() => this.kill(), HURRIED_MS);
    };
    if (hurry.aborted) onHurry();
    else hurry.addEventListener('abort', onHurry, { once: true });
    await this.exited;
    clearTimeout(timer);
    hurry.removeEventListener('abort', onHurry);
    return this.#drained;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** An orphan that does not serve ends by itself. */
  async #abandon(): Promise<undefined> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.kill(), STARTING_MS);
    await this.exited;
    clearTimeout(timer);
  }

  #hear(word: Word): void {
    switch (word.kind) {
      case 'peer':
        return this.#hasPeerPort(word.port);
      case 'listening':
        this.#servingSince = performance.now();
        this.#maxConnections = word.maxConnections;
        this.#hasPeerPort(word.peerPort);
        return this.#listening.resolve(word);
      case 'failed':
        return this.#listening.reject(word.usage ? new UsageError(word.problems) : new Error(word.problems.join(' ')));
      case 'answer':
        return this.#questions.get(word.id)?.(word.answer);
      case 'stopped':
        this.#drained = word.report;
    }
  }

  #hasPeerPort(port: number): void {
    if (port === this.#peerPort) return;
    this.#peerPort = port;
    this.#onPeer();
  }

  #ended(code: number | null, signal: string | null): void {
    const served = this.#servingSince === undefined ? 0 : performance.now() - this.#servingSince;
    this.#servingSince = undefined;
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    this.#listening.reject(new Error(`A worker could not start: it ended ${how} before it served.`));
    this.#exited.resolve({ code, signal, served });
  }
}
