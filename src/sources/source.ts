import type { createMcpHandler } from '@modelcontextprotocol/server';
import type { ServerDefinition } from './define-server.ts';

/** Where server objects come from, and what they can serve. */
export interface Source {
  readonly definition: ServerDefinition;
  /** The version of the MCP SDK that the server objects are of. */
  readonly libraryVersion: string;
  /**
   * Serves the modern era with these server objects; `undefined` when they are of the legacy SDK. It comes from the
   * same copy of the package as they do, since it tells them by `instanceof`.
   */
  readonly createModernHandler: typeof createMcpHandler | undefined;
}
