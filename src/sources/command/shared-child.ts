import type { JsonRpcNotification } from '../../protocol/json-rpc.ts';
import { type Introduction, RawSession } from '../bridge/raw-session.ts';
import type { RawServer } from '../raw-server.ts';
import { SharedServer } from './shared-server.ts';

/** One child that serves all clients: each gets what belongs to it, as far as stdio tells whose it is. */
export class SharedChild {
  readonly introduction: Introduction;
  readonly #start: () => RawServer;
  readonly #servers = new Set<SharedServer>();
  #session: Promise<RawSession> | undefined;
  #lastToken = 0;

  constructor(introduction: Introduction, start: () => RawServer) {
    this.introduction = introduction;
    this.#start = start;
  }

  /** The server of one more session. */
  server(): RawServer {
    return new SharedServer(this);
  }

  /** The child's session, started (again) if need be. */
  get session(): Promise<RawSession> {
    this.#session ??= RawSession.open(this.#start(), {
      onNotification: (notification) => this.#hear(notification),
      onLost: (why) => this.#lost(why),
    }).catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  /** A progress token that no other client uses. */
  newToken(): string {
    return `berth:${++this.#lastToken}`;
  }

  add(server: SharedServer): void {
    this.#servers.add(server);
  }

  remove(server: SharedServer): void {
    this.#servers.delete(server);
  }

  /** Whether any client wants to hear of a resource. */
  isSubscribed(uri: string): boolean {
    return [...this.#servers].some((server) => server.subscriptions.has(uri));
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  #hear(notification: JsonRpcNotification): void {
    const { method } = notification;
    if (method === 'notifications/message') {
      // Whose call a log message is about is known only while there is one; it must not be read by another client.
      const [busy, ...others] = [...this.#servers].filter((server) => server.busy);
      if (others.length === 0) busy?.hear(notification);
    } else {
      for (const server of this.#servers) server.hear(notification);
    }
  }

  #lost(why: string): void {
    this.#session = undefined;
    for (const server of [...this.#servers]) server.lost(why);
  }
}
