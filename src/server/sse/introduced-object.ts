import berth from '../../../package.json' with { type: 'json' };
import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import { isRequest, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import type { EndReason } from '../../sources/define-server.ts';
import type { ServerObject } from '../legacy/server-object.ts';
import { SessionObject } from '../legacy/session-object.ts';
import type { MessageContext } from '../legacy/session-transport.ts';

/** What a server is told of a client that goes on with a new stream and does not introduce itself again. */
const RETURNED_CLIENT = {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'berth', version: berth.version },
};

/** The record of a session whose client has not said a word yet. */
export interface NewRecord extends SessionRecord {
  initialize: SessionRecord['initialize'];
}

export function newRecord(id: string): NewRecord {
  return {
    id,
    epoch: 0,
    protocolVersion: '',
    announces: [],
    initialize: RETURNED_CLIENT,
    subject: undefined,
    logLevel: undefined,
    subscriptions: [],
    state: {},
    openedAt: Date.now(),
  };
}

export interface IntroducedObjectOptions {
  readonly record: NewRecord;
  /** A server object that is neither open nor spoken to yet. */
  make(): ServerObject;
  failed(error: unknown): void;
  /** Told whenever one has been made, or could not be. */
  made(): void;
}

/**
 * The server object of a session, made with the session's first message. Clients of HTTP+SSE that lost their stream go on
 * with a new one as if nothing had happened: for them `initialize` is said here.
 */
export class IntroducedObject {
  readonly #options: IntroducedObjectOptions;
  readonly #object: SessionObject;
  #making: Promise<ServerObject | undefined> | undefined;
  #first: 'initialize' | 'other' | undefined;
  #backlog = 0;

  constructor(options: IntroducedObjectOptions) {
    this.#options = options;
    this.#object = new SessionObject({ make: options.make, onEnd: [], failed: options.failed });
  }

  /** Whether the session has had a message. */
  get begun(): boolean {
    return this.#first !== undefined;
  }

  /** Whether the client goes on from an earlier stream. */
  get returned(): boolean {
    return this.#first === 'other';
  }

  get making(): boolean {
    return this.#making !== undefined;
  }

  /** Characters of messages that wait for it to be made. */
  get backlog(): number {
    return this.#backlog;
  }

  /** Counts a message of so many characters that was received just now, if it waits. */
  addBacklog(size: number): void {
    if (this.making) this.#backlog += size;
  }

  /** Hands on the object for a message, made if need be; nothing when that fails, or the session is over meanwhile. */
  use(message: JsonRpcMessage, context: MessageContext, then: (object: ServerObject | undefined) => void): void {
    const object = this.#making === undefined ? this.#object.current : undefined;
    if (object !== undefined) return then(object);
    if (this.#making === undefined) {
      const making = this.#make(message, context);
      this.#making = making;
      // Before all others that wait for it, so that what comes later goes the straight way and in order.
      void making.then(() => {
        this.#making = undefined;
        this.#backlog = 0;
        this.#options.made();
      });
    }
    void this.#making.then(then);
  }

  /** Lets it go while the session goes on; the next message has another one made. */
  rest(): void {
    this.#object.rest();
  }

  end(reason: EndReason): void {
    this.#object.end(reason);
  }

  async #make(message: JsonRpcMessage, context: MessageContext): Promise<ServerObject | undefined> {
    const isFirst = this.#first === undefined;
    const introduces = isRequest(message) && message.method === 'initialize';
    if (isFirst) this.#first = introduces ? 'initialize' : 'other';
    if (!isFirst || !introduces) return await this.#object.wake(context);
    this.#options.record.initialize = message.params ?? {};
    try {
      await this.#object.open();
    } catch (error) {
      this.#options.failed(error);
      this.#object.rest();
    }
    return this.#object.current;
  }
}
