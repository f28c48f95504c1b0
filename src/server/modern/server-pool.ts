import type { Server } from '@modelcontextprotocol/server';
import type { AnyMcpServer, EndReason, ServerSession } from '../../sources/define-server.ts';
import { assertKnownFields, forgetClient, serverOf } from './client-identity.ts';
import { prepareContexts } from './handler-context.ts';
import type { ModernExchange } from './modern-exchange.ts';

/** Enough for what is answered at once; the objects of a burst of slow calls need not stay. */
const MAX_IDLE = 100;

export interface ServerPoolOptions {
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
  create(session: ServerSession): Promise<AnyMcpServer>;
  /** Told what a module throws when an object is dropped. */
  failed(error: unknown): void;
}

interface Pooled {
  readonly product: AnyMcpServer;
  readonly server: Server;
  readonly onclose: Server['onclose'];
  readonly fleetKey: string;
  drop(): void;
}

/**
 * The server objects of a module that says they may be used again. Each serves one request at a time, and comes back only
 * from an exchange that went as it should; there are never more idle ones than were needed at once.
 */
export class ServerPool {
  readonly #options: ServerPoolOptions;
  #idle: Pooled[] = [];
  readonly #made = new WeakSet<AnyMcpServer>();
  #closed = false;

  constructor(options: ServerPoolOptions) {
    this.#options = options;
  }

  get idle(): number {
    return this.#idle.length;
  }

  /** An object for one exchange, which it goes back from by itself. */
  async take(exchange: ModernExchange): Promise<AnyMcpServer> {
    const fleetKey = this.#options.fleetKey();
    let pooled = this.#idle.pop();
    if (pooled !== undefined && pooled.fleetKey !== fleetKey) {
      pooled.drop();
      this.#dropIdle();
      pooled = undefined;
    }
    const taken = pooled ?? (await this.#make(fleetKey));
    exchange.onOver(() => this.#takeBack(taken, exchange));
    return taken.product;
  }

  /** Drops what is idle now, and from now on whatever comes back. */
  close(): void {
    this.#closed = true;
    this.#dropIdle();
  }

  #takeBack(pooled: Pooled, exchange: ModernExchange): void {
    const { server, onclose } = pooled;
    const whole = !exchange.spoilt && server.transport === undefined && server.onclose === onclose;
    if (!whole || this.#closed || this.#idle.length >= MAX_IDLE) return pooled.drop();
    forgetClient(server);
    this.#idle.push(pooled);
  }

  #dropIdle(): void {
    for (const pooled of this.#idle.splice(0)) pooled.drop();
  }

  async #make(fleetKey: string): Promise<Pooled> {
    const callbacks: ((reason: EndReason) => void)[] = [];
    let dropped = false;
    let product: AnyMcpServer | undefined;
    const attempt = (action: () => unknown) => void Promise.resolve().then(action).catch(this.#options.failed);
    const drop = () => {
      dropped = true;
      attempt(() => product?.close());
      for (const callback of callbacks.splice(0)) attempt(() => callback('closed'));
    };
    try {
      const onEnd = (callback: (reason: EndReason) => void) => {
        if (dropped) attempt(() => callback('closed'));
        else callbacks.push(callback);
      };
      const made = await this.#options.create({ era: 'modern', id: undefined, state: {}, fleetKey, onEnd });
      if (this.#made.has(made)) {
        throw new Error('The module gave a server object for the second time. `create` must make one each time.');
      }
      this.#made.add(made);
      product = made;
      const server = serverOf(made);
      assertKnownFields(server);
      prepareContexts(server);
      return { product: made, server, onclose: server.onclose, fleetKey, drop };
    } catch (error) {
      drop();
      throw error;
    }
  }
}
