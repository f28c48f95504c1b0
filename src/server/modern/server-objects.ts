import type { AnyMcpServer, ServerSession } from '../../sources/define-server.ts';
import type { ClientContext } from '../../sources/raw-server.ts';
import type { SourceDefinition } from '../../sources/source.ts';
import { within } from '../../sources/within.ts';
import type { Log } from '../log.ts';
import { serverOf } from './client-identity.ts';
import type { ModernExchange } from './modern-exchange.ts';
import { limitScopeCheck } from './sdk-checks.ts';
import { ServerPool } from './server-pool.ts';
import { uncompiled } from './uncompiled.ts';

export interface ServerObjectsOptions {
  readonly definition: Pick<SourceDefinition, 'create' | 'reusable'>;
  readonly log: Log;
  /** Milliseconds for a server object to be made, and for each answer to whether a client needs more rights. */
  readonly startLimit: number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
}

/** The server objects of modern requests: a new one for each, or one that served others before if its module allows that. */
export class ServerObjects {
  readonly #options: ServerObjectsOptions;
  readonly #pool: ServerPool | undefined;
  #first = true;

  constructor(options: ServerObjectsOptions) {
    this.#options = options;
    const { definition, log, fleetKey } = options;
    if (definition.reusable !== true) return;
    this.#pool = new ServerPool({
      fleetKey,
      create: (session) => this.#create(session, undefined),
      failed: (error) => log.error({ err: error }, 'Module failed'),
    });
  }

  /** An object for one exchange; rejects with what the module threw, or when it takes too long. */
  async take(exchange: ModernExchange, context: ClientContext | undefined): Promise<AnyMcpServer> {
    return await (this.#pool?.take(exchange) ?? this.create(exchange, context));
  }

  /** The same, but always a new one. */
  async create(exchange: ModernExchange, context: ClientContext | undefined): Promise<AnyMcpServer> {
    const session: ServerSession = {
      era: 'modern',
      id: undefined,
      state: {},
      fleetKey: this.#options.fleetKey(),
      onEnd: (callback) => exchange.onOver(() => this.#attempt(() => callback('closed'))),
    };
    // What the SDK and the module make once, with their first object, serves all those that follow.
    if (this.#first) {
      this.#first = false;
      return await this.#create(session, context);
    }
    return await uncompiled(() => this.#create(session, context));
  }

  /** Lets go of those that nobody uses, and of the others as soon as they are free. */
  close(): void {
    this.#pool?.close();
  }

  /** The SDK tells only that something failed. */
  async #create(session: ServerSession, context: ClientContext | undefined): Promise<AnyMcpServer> {
    const { definition, startLimit, log } = this.#options;
    // Raw servers are made for legacy sessions only.
    const making = (async () => (await definition.create(session, context)) as AnyMcpServer)();
    let made: AnyMcpServer;
    try {
      made = await within(startLimit, making, `The server took longer than ${startLimit} ms to start.`);
    } catch (error) {
      log.error({ err: error }, 'Server object failed');
      this.#closeLate(making);
      throw error;
    }
    limitScopeCheck(made, startLimit, (error) => log.error({ err: error }, 'Scope check failed'));
    return made;
  }

  /** Nobody waits any more for what comes now. */
  #closeLate(making: Promise<AnyMcpServer>): void {
    making.then(
      async (made) => {
        try {
          // One that serves somebody else by now is not ours to close.
          if (serverOf(made).transport === undefined) await made.close();
        } catch (error) {
          this.#options.log.error({ err: error }, 'Module failed');
        }
      },
      // It has failed already: by this very error, or by being late.
      () => {},
    );
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error({ err: error }, 'Module failed');
    }
  }
}
