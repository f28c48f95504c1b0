import type { McpServer as LegacyMcpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { McpServer as DualEraMcpServer, Server as DualEraServer } from '@modelcontextprotocol/server';

/**
 * A server object of either SDK: one of `@modelcontextprotocol/sdk` serves the legacy era, one of
 * `@modelcontextprotocol/server` serves both.
 */
export type AnyMcpServer = LegacyMcpServer | DualEraMcpServer | DualEraServer;

/** Why a session ended for good. */
export type EndReason = 'deleted' | 'expired' | 'evicted' | 'drained' | 'abandoned' | 'failed' | 'closed';

/** What a server object may know of the session it is made for. */
export interface ServerSession {
  /**
   * The protocol era: a legacy session lives for many requests, a modern one for a single request, or as long as a
   * `reusable` server object.
   */
  readonly era: 'legacy' | 'modern';
  /** The session's id; a modern request has none. */
  readonly id: string | undefined;
  /**
   * A small JSON record (at most 16 KiB) that stays with the session wherever it goes. That of a `reusable` server object
   * in the modern era stays with the object, whoever it serves.
   */
  readonly state: Record<string, unknown>;
  /**
   * A secret that all pods of a fleet share, for what travels through clients, such as the key of
   * `createRequestStateCodec` in the modern era: what one pod seals another one can open.
   */
  readonly fleetKey: string;
  /**
   * Calls back once, at the real end of the session. Everything in the callback's scope is kept until then, also while
   * the session is parked. In the modern era that is the end of the request, or when a `reusable` object is dropped.
   */
  onEnd(callback: (reason: EndReason) => void): void;
}

/** Publishes changes to every client that listens, in both eras. */
export interface Notifier {
  toolsChanged(): void;
  promptsChanged(): void;
  resourcesChanged(): void;
  resourceUpdated(uri: string): void;
}

/** What the default export of a server module says about itself. */
export interface ServerDefinition {
  readonly name: string;
  readonly version: string;
  /** `parkable`: the server object may be built again for a session at any time. The default is `resident`. */
  readonly sessions?: 'parkable' | 'resident';
  /**
   * In the modern era a server object may serve one request after another, of different clients, never two at once: what
   * `create` returns holds nothing of the client it was made for. Handlers find all they need of a client in their
   * context, and use the server object itself only until they have answered. The default is a new object for each
   * request, which costs several times as much. Its `onclose` is called after each request: what is to be
   * cleaned up once belongs in `session.onEnd`. An object is dropped when its request was cancelled or failed in an
   * unexpected way, when there are too many, and at the end of the process.
   */
  readonly reusable?: boolean;
  /** Runs once per process, before the first session; `signal` ends with the process. */
  start?(context: { readonly notify: Notifier; readonly signal: AbortSignal }): void | Promise<void>;
  /** Makes the server object of one session, or of one modern request unless it is `reusable`. Keep it cheap. */
  create(session: ServerSession): AnyMcpServer | Promise<AnyMcpServer>;
}

/** The default export of a server module: checks nothing, types everything. */
export function defineServer(definition: ServerDefinition): ServerDefinition {
  return definition;
}
