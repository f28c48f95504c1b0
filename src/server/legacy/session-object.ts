import type { EndReason } from '../../sources/define-server.ts';
import type { OnEnd, ServerObject } from './server-object.ts';
import type { MessageContext } from './session-transport.ts';

export interface SessionObjectOptions {
  /** A server object that is neither open nor spoken to yet. */
  make(): ServerObject;
  /** Whom one that is gone asked to tell of the session's end. */
  readonly onEnd: readonly OnEnd[];
  failed(error: unknown): void;
}

/** The server object of a session, while there is one: it goes when the session rests, and is made again when it is needed. */
export class SessionObject {
  readonly #options: SessionObjectOptions;
  #current: ServerObject | undefined;
  #making: Promise<ServerObject | undefined> | undefined;
  #onEnd: readonly OnEnd[];
  #over: EndReason | 'elsewhere' | undefined;
  #failure: unknown;

  constructor(options: SessionObjectOptions) {
    this.#options = options;
    this.#onEnd = options.onEnd;
  }

  get current(): ServerObject | undefined {
    return this.#current;
  }

  /** Resolves when none is being made again. */
  get made(): Promise<unknown> {
    return this.#making ?? Promise.resolve();
  }

  /** Whether it is being made again. */
  get making(): boolean {
    return this.#making !== undefined;
  }

  /** Why the last one could not be made. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Whom the last one that rested asked to tell of the session's end. */
  get onEnd(): readonly OnEnd[] {
    return this.#onEnd;
  }

  /** Makes the first one; rejects with what the module threw. */
  async open(): Promise<void> {
    this.#current = this.#options.make();
    await this.#current.open();
  }

  /**
   * Resolves with the object, made again if need be for a message with this context; with nothing when that fails, or the
   * session is over meanwhile.
   */
  wake(context?: MessageContext): Promise<ServerObject | undefined> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    this.#making ??= this.#make(context).finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  /** Lets it go while the session goes on; answers whether there was one. */
  rest(): boolean {
    if (this.#current === undefined) return false;
    this.#onEnd = this.#current.rest();
    this.#current = undefined;
    return true;
  }

  /** Lets it go for good, without a word to the module: the session lives on elsewhere. */
  letGo(): void {
    this.#over = 'elsewhere';
    this.rest();
  }

  /** Tells the module, once, that the session is over: by the object that is there, or that is being made, or was. */
  end(reason: EndReason): void {
    this.#over = reason;
    if (this.#current !== undefined) this.#current.end(reason);
    else if (this.#making === undefined) this.#tell(reason);
  }

  async #make(context: MessageContext | undefined): Promise<ServerObject | undefined> {
    const object = this.#options.make();
    try {
      await object.reopen(context);
    } catch (error) {
      object.rest();
      this.#failure = error;
      this.#options.failed(error);
      if (this.#over !== undefined && this.#over !== 'elsewhere') this.#tell(this.#over);
      return undefined;
    }
    if (this.#over === undefined) this.#current = object;
    else if (this.#over === 'elsewhere') object.rest();
    else object.end(this.#over);
    return this.#current;
  }

  #tell(reason: EndReason): void {
    tellOfEnd(this.#onEnd, reason, this.#options.failed);
  }
}

/** Tells those who asked of a session's end; what the module does about it is its own affair. */
export function tellOfEnd(onEnd: readonly OnEnd[], reason: EndReason, failed: (error: unknown) => void): void {
  for (const callback of onEnd) {
    Promise.resolve()
      .then(() => callback(reason))
      .catch(failed);
  }
}
