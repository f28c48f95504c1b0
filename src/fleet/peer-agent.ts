import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Greeter, greetServer, HANDSHAKE_LIMIT_MS } from './handshake.ts';
import { HandshakeFault, type HandshakeReason, withinLimit } from './handshake-line.ts';
import type { Hello } from './hello.ts';
import { splitAddress } from './peer-address.ts';

/** Why there is no connection to a peer; `destroyed` means that this end gave it up. */
export type PeerErrorCode = HandshakeReason | 'unreachable' | 'destroyed';

/** A connection to a peer that did not come about. */
export class PeerError extends Error {
  readonly code: PeerErrorCode;
  constructor(address: string, code: PeerErrorCode, detail: string) {
    super(`Cannot greet peer ${address} (${code}): ${detail}.`);
    this.name = 'PeerError';
    this.code = code;
  }
}

export interface PeerAgentOptions extends Greeter {
  /** `host:port` of the peer's listener, which its own Hello has to name. */
  readonly address: string;
  /** Called once for every connection that both ends are proven on. */
  readonly greeted: (hello: Hello) => void;
  /** Milliseconds to connect and greet; 300 unless given. */
  readonly limitMs?: number;
}

/** A thousand requests at once must not become a thousand handshakes at once: none of them would be done in time. */
const MAX_DIALS = 8;
/** A peer that vanished without a word is found out by TCP. */
const KEEP_ALIVE_DELAY_MS = 30_000;

type Connected = (error: Error | null, socket: Duplex) => void;

/**
 * Connections to one peer, whatever host a request names: each is greeted before a request sees it, and is used again.
 * A request that gets none fails with a `PeerError`.
 */
export class PeerAgent extends Agent {
  readonly #options: PeerAgentOptions;
  readonly #dialling = new Set<Socket>();
  /** Requests without a connection, and how many dials are under way for them that were begun since the last failure. */
  readonly #waiting: Connected[] = [];
  #dials = 0;
  #failures = 0;
  /** Greeted, and not used by a request yet. */
  #spare: Socket | undefined;
  #destroyed = false;

  constructor(options: PeerAgentOptions) {
    super({ keepAlive: true });
    this.#options = options;
  }

  /** Opens a connection to learn how the peer is, and keeps it for the next request. Rejects with a `PeerError`. */
  async greet(): Promise<Hello> {
    const { socket, hello } = await this.#dial();
    this.#keep(socket);
    return hello;
  }

  override createConnection(_options: unknown, connected: Connected): Duplex | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare?.writable) return spare;
    this.#waiting.push(connected);
    this.#dialForWaiting();
    return undefined;
  }

  override getName(): string {
    return this.#options.address;
  }

  /** Ends all connections, those in use too; no new ones are made. */
  override destroy(): void {
    this.#destroyed = true;
    super.destroy();
    this.#spare?.destroy();
    for (const socket of this.#dialling) socket.destroy(this.#error('destroyed', 'it was given up'));
  }

  #dialForWaiting(): void {
    if (this.#dials >= Math.min(MAX_DIALS, this.#waiting.length)) return;
    this.#dials++;
    const failures = this.#failures;
    this.#dial().then(
      ({ socket }) => {
        if (failures === this.#failures) this.#dials--;
        const next = this.#waiting.shift();
        if (next === undefined) this.#keep(socket);
        else next(null, socket);
        this.#dialForWaiting();
      },
      (error: PeerError) => {
        // Who waits when one fails that was under way together with another has come since, maybe to try once more.
        if (failures === this.#failures) this.#failAll(error);
      },
    );
  }

  /** All at once: in line, each would wait for a time limit of its own. */
  #failAll(error: PeerError): void {
    this.#failures++;
    this.#dials = 0;
    // Node reads no socket beside an error.
    for (const connected of this.#waiting.splice(0)) connected(error, undefined as unknown as Duplex);
  }

  #keep(socket: Socket): void {
    // Two idle connections are no better than one.
    if (this.#spare !== undefined) return void socket.destroySoon();
    this.#spare = socket;
    socket.once('close', () => {
      if (this.#spare === socket) this.#spare = undefined;
    });
  }

  async #dial(): Promise<{ readonly socket: Socket; readonly hello: Hello }> {
    const { address, greeted, limitMs = HANDSHAKE_LIMIT_MS } = this.#options;
    const target = splitAddress(address);
    if (target === undefined) throw this.#error('unreachable', 'it is not host:port');
    if (this.#destroyed) throw this.#error('destroyed', 'it was given up');
    const socket = connect({
      ...target,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    });
    this.#dialling.add(socket);
    // Whatever fails, 'close' follows.
    socket.on('error', () => {});
    try {
      const hello = await withinLimit(limitMs, this.#open(socket));
      greeted(hello);
      // So that its end is noticed while nobody reads from it.
      socket.resume();
      return { socket, hello };
    } catch (error) {
      socket.destroy();
      throw this.#explain(error);
    } finally {
      this.#dialling.delete(socket);
    }
  }

  async #open(socket: Socket): Promise<Hello> {
    await once(socket, 'connect');
    return await greetServer(socket, this.#options.address, this.#options);
  }

  #explain(error: unknown): PeerError {
    if (error instanceof PeerError) return error;
    if (error instanceof HandshakeFault) return this.#error(error.reason, error.message);
    return this.#error('unreachable', error instanceof Error ? error.message : String(error));
  }

  #error(code: PeerErrorCode, detail: string): PeerError {
    return new PeerError(this.#options.address, code, detail);
  }
}
