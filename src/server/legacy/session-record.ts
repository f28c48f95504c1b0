/**
 * All that has to be known of a session to serve it: plain JSON, so that it can be kept, moved and woken elsewhere.
 * The event log travels beside it.
 */
export interface SessionRecord {
  readonly id: string;
  /** Rises with every move; a copy with a lower one is out of date. */
  readonly epoch: number;
  /** What `initialize` agreed on; empty until it is answered. */
  protocolVersion: string;
  /** The client's own `initialize` params, to be replayed when the server object is built again. */
  readonly initialize: Readonly<Record<string, unknown>>;
  /** Who the session belongs to, where requests are authenticated. */
  readonly subject: string | undefined;
  logLevel: string | undefined;
  subscriptions: readonly string[];
  /** `session.state` of the module: at most 16 KiB of JSON. */
  readonly state: Record<string, unknown>;
}
