import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TransportName } from '../config/serve-config.ts';
import type { McpEndpoint } from './mcp-endpoint.ts';
import { SSE_PATH, type SseEndpoint } from './sse/sse-endpoint.ts';
import { MESSAGES_PATH } from './sse/sse-session.ts';

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

/** What takes the requests of MCP clients, by path. */
export type Endpoints = ReadonlyMap<string, Handle>;

/** Whether a transport serves HTTP+SSE. */
export function servesSse(transport: TransportName): boolean {
  return transport === 'sse' || transport === 'http-compat';
}

/** The endpoints that a transport serves. */
export function endpointsOf(transport: TransportName, mcp: McpEndpoint, sse: SseEndpoint | undefined): Endpoints {
  const endpoints = new Map<string, Handle>();
  if (transport !== 'sse') endpoints.set('/mcp', (req, res) => mcp.handle(req, res));
  if (sse !== undefined) {
    endpoints.set(SSE_PATH, (req, res) => sse.handleStream(req, res));
    endpoints.set(MESSAGES_PATH, (req, res) => sse.handleMessage(req, res));
  }
  return endpoints;
}

/** What to tell somebody who asks for a path that is not served. */
export function notServed(path: string, transport: TransportName): string {
  const place = transport === 'sse' ? SSE_PATH : '/mcp';
  const other = transport === 'sse' ? path === '/mcp' : path === SSE_PATH || path === MESSAGES_PATH;
  return other
    ? `Nothing is served at ${path} with --transport ${transport}: MCP is at ${place}. --transport http-compat serves both.`
    : `Nothing is served at ${path}. MCP is at ${place}.`;
}
