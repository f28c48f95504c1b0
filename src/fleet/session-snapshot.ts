/**
 * All that has to be known of a session to serve it: plain JSON, so that it can be kept, moved and woken elsewhere.
 * The event log travels beside it.
 */
export interface SessionRecord {
  readonly id: string;
  /** Rises with every move; a copy with a lower one is out of date. */
  epoch: number;
  /** What `initialize` agreed on; empty until it is answered. */
  protocolVersion: string;
  /** The areas (`tools`, `prompts`, `resources`) whose lists the server said it announces changes of. */
  announces: readonly string[];
  /** The client's own `initialize` params, to be replayed when the server object is built again. */
  readonly initialize: Readonly<Record<string, unknown>>;
  /** Who the session belongs to, where requests are authenticated. */
  readonly subject: string | undefined;
  logLevel: string | undefined;
  subscriptions: readonly string[];
  /** `session.state` of the module: at most 16 KiB of JSON. */
  state: Record<string, unknown>;
  /** Milliseconds since 1970, so that it means the same on every pod. */
  readonly openedAt: number;
}

/** One event as it went out: which stream of the session it belongs to, and its JSON. */
export interface LoggedEvent {
  readonly sequence: number;
  readonly stream: number;
  readonly data: string;
}

/** An event log as plain JSON. */
export interface LogSnapshot {
  /** Of the newest event, whether it is still there or not. */
  readonly sequence: number;
  /** Of the newest event that was trimmed. */
  readonly trimmedTo: number;
  /** The newest stream of a POST. */
  readonly lastStream: number;
  /** Whether the standalone stream ever had a reader. */
  readonly listened: boolean;
  readonly events: readonly LoggedEvent[];
}

/** A session as it moves from pod to pod, or rests in a store. */
export interface SessionSnapshot {
  readonly record: SessionRecord;
  readonly log: LogSnapshot;
}
