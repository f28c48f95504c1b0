import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  progressTokenOf,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import type { Child, ChildExit } from './child.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface ConversationOptions {
  /** Takes the child that is to be spoken to, as soon as there may be one; rejects when the signal comes first. */
  take(signal: AbortSignal): Promise<Child>;
  /** The id of the session, for the log. */
  readonly session: string | undefined;
  /** Milliseconds for the first answer. */
  readonly startTimeout: number;
  /** Milliseconds that a child which owes an answer may say nothing. */
  readonly silenceTimeout: number;
  readonly clock: () => number;
}

/** Who speaks to the child. */
export interface Party {
  /** What the child answers at any time, in the words of its era. */
  readonly signOfLife: Pick<JsonRpcRequest, 'method' | 'params'>;
  /** Takes what the child says, and which call it belongs to. The child waits for the promise, if there is one. */
  message(message: JsonRpcMessage, call: RequestId | undefined): Promise<void> | undefined;
  /** The child is gone, or was given up; told once, and nothing is told after it. */
  lost(why: string): void;
}

/** More than the requests of one session that may be in flight usually amount to. */
const MOST_UNSENT = 64 * 1024 * 1024;
/** It is not told to us when a task is over. */
const MOST_TASK_TOKENS = 1_000;
/** What is answered only when nobody wants to listen any more (MCP 2026-07-28, subscriptions). */
const LISTEN = 'subscriptions/listen';

/** What one party and one child say to each other over stdio, as long as neither hangs. */
export class Conversation {
  readonly #options: ConversationOptions;
  /** The requests that the child has not answered yet, the newest last, with their progress tokens. */
  readonly #owed = new Map<RequestId, unknown>();
  /** The child's requests that are not answered yet, with the call that each belongs to. */
  readonly #asked = new Map<RequestId, RequestId>();
  /** Progress tokens of calls whose answer was a task: they are good for all of its life (MCP 2025-11-25, tasks). */
  readonly #taskTokens = new Set<unknown>();
  readonly #closed = new AbortController();
  #opening: Promise<void> | undefined;
  #child: Child | undefined;
  #party: Party | undefined;
  #watch: SilenceWatch | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** Takes a child and hears it; rejects when there is none before the conversation is closed. */
  open(party: Party): Promise<void> {
    this.#opening = this.#open(party);
    return this.#opening;
  }

  /** Bytes that were said and that the child has not taken. */
  get unsent(): number {
    return this.#child?.unsent ?? 0;
  }

  /** Says something to the child. The promise, if any, ends when it has caught up, or is gone. */
  send(message: JsonRpcMessage): Promise<void> | undefined {
    if (isRequest(message)) {
      if (message.method !== LISTEN) this.#owed.set(message.id, progressTokenOf(message.params));
    } else if (isResponse(message)) this.#asked.delete(message.id as RequestId);
    else if (message.method === 'notifications/cancelled') this.#forget(message.params?.['requestId'] as RequestId);
    this.#keepWatch();
    const child = this.#child;
    // A client goes on sending, whether its server reads or not.
    if (child === undefined || child.unsent <= MOST_UNSENT) return child?.send(message);
    this.#giveUp('The command does not read what it is sent.');
    return undefined;
  }

  /** Lets go of the child, or of the wait for one; resolves when it is gone. */
  async close(): Promise<void> {
    this.#party = undefined;
    this.#closed.abort(new Error('The session was closed before there was a process to serve it.'));
    this.#watch?.stop();
    await Promise.allSettled([this.#opening]);
    await this.#child?.close();
  }

  async #open(party: Party): Promise<void> {
    const { signal } = this.#closed;
    const child = await this.#options.take(signal);
    this.#child = child;
    // It came just when nobody wanted it any more: `close` ends it.
    signal.throwIfAborted();
    if (this.#options.session !== undefined) child.assign(this.#options.session);
    this.#party = party;
    this.#watch = new SilenceWatch({
      ...this.#options,
      lastHeard: () => child.lastHeard,
      owes: () => this.#owes(),
      ping: (id) => void child.send({ jsonrpc: '2.0', id, ...party.signOfLife }),
      onSilence: (why) => this.#giveUp(why),
    });
    child.listen({
      message: (message) => this.#hear(message),
      exited: (exit) => this.#exited(exit),
    });
  }

  #hear(message: JsonRpcMessage): Promise<void> | undefined {
    if (isResponse(message)) return this.#hearAnswer(message);
    if (isNotification(message) && message.method === 'notifications/progress') return this.#hearProgress(message);
    // Over stdio nothing says which call it belongs to; the newest one is where somebody is sure to listen.
    const call = isAboutServer(message.method) ? undefined : [...this.#owed.keys()].at(-1);
    if (isRequest(message)) {
      if (call !== undefined) this.#asked.set(message.id, call);
    } else if (message.method === 'notifications/cancelled') {
      this.#asked.delete(message.params?.['requestId'] as RequestId);
      this.#keepWatch();
    }
    return this.#party?.message(message, call);
  }

  #hearAnswer(message: JsonRpcResponse): Promise<void> | undefined {
    if (this.#watch?.takes(message) === true) return undefined;
    const id = message.id as RequestId;
    const taken = this.#party?.message(message, undefined);
    if ('result' in message && 'task' in message.result && this.#taskTokens.size < MOST_TASK_TOKENS)
      this.#taskTokens.add(this.#owed.get(id));
    this.#forget(id);
    this.#keepWatch();
    return taken;
  }

  /** Progress is worth something to those alone who wait for its call (MCP 2025-11-25, progress). */
  #hearProgress(message: JsonRpcNotification): Promise<void> | undefined {
    const token = message.params?.['progressToken'];
    if (token === undefined) return undefined;
    const call = [...this.#owed].find(([, wanted]) => wanted === token)?.[0];
    if (call === undefined && !this.#taskTokens.has(token)) return undefined;
    return this.#party?.message(message, call);
  }

  /** A call is over, and so is whatever the child asked for the sake of it. */
  #forget(call: RequestId): void {
    this.#owed.delete(call);
    for (const [id, askedFor] of this.#asked) if (askedFor === call) this.#asked.delete(id);
  }

  /** A child that waits for its client is not the one that is silent. */
  #owes(): boolean {
    return this.#owed.size > 0 && this.#asked.size === 0;
  }

  #keepWatch(): void {
    if (this.#owes()) this.#watch?.start();
  }

  #exited({ code, signal, reason }: ChildExit): void {
    const how = reason ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    this.#tellLost(`The command ${how}.`);
  }

  #giveUp(why: string): void {
    this.#tellLost(why);
    this.#child?.kill();
  }

  #tellLost(why: string): void {
    this.#watch?.stop();
    const party = this.#party;
    this.#party = undefined;
    party?.lost(why);
  }
}

function isAboutServer(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated';
}
