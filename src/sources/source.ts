import type { IncomingMessage, ServerResponse } from 'node:http';
import type { createMcpHandler } from '@modelcontextprotocol/server';
import type { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { ChangesFilter, Followed } from './bridge/follow-changes.ts';
import type { AnyMcpServer, Notifier, ServerDefinition, ServerSession } from './define-server.ts';
import type { ClientContext, RawServer } from './raw-server.ts';

/** What a session or a modern request is served by. */
export type ServerProduct = AnyMcpServer | RawServer;

/** A server definition whose servers may also be raw: those of legacy sessions, never of modern requests. */
export interface SourceDefinition extends Omit<ServerDefinition, 'create'> {
  /** Whether its servers say things unasked, so that one whose client listens can not be done without. */
  readonly speaksUnasked?: boolean;
  /** Whether its server objects are of the same version of the SDK as berth's own, whose ways berth knows. */
  readonly sameSdk?: boolean;
  /** `context`: what came with the request that it is for; in the modern era only. */
  create(session: ServerSession, context?: ClientContext): ServerProduct | Promise<ServerProduct>;
}

/** Where server objects come from, and what they can serve. */
export interface Source {
  readonly definition: SourceDefinition;
  /** The version of the MCP SDK that the server objects are of, or of our own for those of other processes. */
  readonly libraryVersion: string;
  /**
   * Serves the modern era with these server objects; `undefined` when they are of the legacy SDK. It comes from the
   * same copy of the package as they do, since it tells them by `instanceof`.
   */
  readonly createModernHandler: typeof createMcpHandler | undefined;
  /** Serves both eras over stdio, from the same copy; where there is none a server object is simply connected. */
  readonly loadStdio?: (() => Promise<typeof serveStdio>) | undefined;
  /**
   * Publishes the changes that one listener of the modern era wants to know of, until `gone`; where there is none all
   * changes come from `definition.start`. Rejects when the server refuses.
   */
  readonly follow?: (
    filter: ChangesFilter,
    notify: Notifier,
    context: ClientContext,
    gone: AbortSignal,
  ) => Promise<Followed>;
  /** Passes modern requests on as they are, while what is behind it speaks that era itself. */
  readonly modernProxy?: ModernProxy;
  /** Answers `/.well-known/…`, such as the OAuth metadata of a server elsewhere. */
  readonly wellKnown?: (req: IncomingMessage, res: ServerResponse) => void;
  /** Whether the server behind it can be reached; always so where there is none. */
  readonly reachable?: boolean;
  /** Bytes of memory that the processes of its sessions take at this moment; `undefined` where that can not be known. */
  readonly childrenMemory?: () => Promise<number | undefined>;
  /** Told, where the configuration did not say, how many sessions there may be; called once, before the first client. */
  limitTo?(maxConnections: number): void;
  /** Lets go of what it holds, once all sessions have ended. */
  close?(): Promise<void>;
}

/** The end of an answer that would go on, such as a listener's. */
export interface Ending {
  /** Aborts when it is to end, between two events. */
  readonly signal: AbortSignal;
  /** What it ends with then, as one whole event. */
  readonly farewell: string;
}

/** A server elsewhere that speaks the modern era. */
export interface ModernProxy {
  /** Whether it does, as far as is known. */
  readonly available: boolean;
  /**
   * Has a server that speaks the legacy era say who it is to this client, before a request of it is served by a bridge:
   * there HTTP's own words, such as 401, can be said no more. Rejects with what it said against the client, a
   * `RawServerError`; and when the client goes.
   */
  greet?(client: ClientContext, gone: AbortSignal): Promise<void>;
  /**
   * Sends a request there and its answer back, as they are; resolves when the answer is over or `gone`. One that has an
   * `ending` may be ended here: without an answer if there is none yet.
   */
  pass(req: IncomingMessage, body: string, res: ServerResponse, gone: AbortSignal, ending?: Ending): Promise<void>;
}
