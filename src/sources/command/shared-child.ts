import type { JsonRpcNotification } from '../../protocol/json-rpc.ts';
import { type Introduction, RawSession } from '../bridge/raw-session.ts';
import type { RawServer } from '../raw-server.ts';
import { SharedServer } from './shared-server.ts';
import { SharedSubscriptions } from './shared-subscriptions.ts';
import { Speakers } from './speakers.ts';

/** One child that serves all clients: each gets what belongs to it, as far as stdio tells whose it is. */
export class SharedChild {
  readonly introduction: Introduction;
  readonly subscriptions = new SharedSubscriptions<SharedServer>();
  readonly speakers = new Speakers<SharedServer>();
  readonly #start: () => RawServer;
  readonly #servers = new Set<SharedServer>();
  readonly #closed = new AbortController();
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
      signal: this.#closed.signal,
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

  async close(): Promise<void> {
    this.speakers.clear();
    // A child that hangs in its start is not waited for.
    this.#closed.abort();
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  #hear(notification: JsonRpcNotification): void {
    const { method } = notification;
    // Whose call a log message is about is known only while it can be nobody else's.
    if (method === 'notifications/message') this.speakers.only?.hear(notification);
    else for (const server of this.#servers) server.hear(notification);
  }

  #lost(why: string): void {
    this.#session = undefined;
    this.speakers.clear();
    this.subscriptions.clear();
    for (const server of [...this.#servers]) server.lost(why);
  }
}
