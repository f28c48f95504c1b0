import { CLIENT_INFO_META_KEY, LOG_LEVEL_META_KEY, ProtocolError, Server } from '@modelcontextprotocol/server';
import type { JsonRpcNotification } from '../../protocol/json-rpc.ts';
import { contextOf } from '../raw-server.ts';
import { type Introduction, RawServerError, type RawSession, type RawSessionOptions } from './raw-session.ts';

export interface ModernServerOptions {
  /** What the server behind it says of itself. */
  readonly introduction: Introduction;
  /** Opens a session that serves one request. */
  open(options: RawSessionOptions): Promise<RawSession>;
}

/** What the modern era says with each request, and the legacy era has no word for. */
const ENVELOPE_PREFIX = 'io.modelcontextprotocol/';

/**
 * A server object of the modern era for a server that speaks the legacy one: each request gets a session of its own,
 * so that no client sees what another one left (MCP 2026-07-28 knows no sessions).
 */
export function modernServer({ introduction, open }: ModernServerOptions): Server {
  const { serverInfo, capabilities, instructions } = introduction;
  const server = new Server(serverInfo, { capabilities, ...(typeof instructions === 'string' && { instructions }) });
  server.fallbackRequestHandler = async ({ method, params }, { mcpReq, http }) => {
    const { signal } = mcpReq;
    const envelope = (mcpReq.envelope ?? {}) as Readonly<Record<string, unknown>>;
    const level = envelope[LOG_LEVEL_META_KEY];
    const session = await open({
      ...(http?.req !== undefined && { context: contextOf(http.req) }),
      clientInfo: envelope[CLIENT_INFO_META_KEY],
      signal,
      onNotification: (notification) => {
        if (isWanted(notification, level)) void mcpReq.notify(notification as never);
      },
    }).catch(asProtocolError);
    try {
      if (level !== undefined) await session.ask('logging/setLevel', { level }, { signal }).catch(ignoreUnknown);
      return (await session.ask(method, withoutEnvelope(params), { signal }).catch(asProtocolError)) as never;
    } finally {
      // Its client need not wait until the server is gone.
      void session.close();
    }
  };
  return server;
}

/** Progress always; log messages only for a client that asked for them (MCP 2026-07-28, logging). */
function isWanted({ method }: JsonRpcNotification, level: unknown): boolean {
  return method === 'notifications/progress' || (method === 'notifications/message' && level !== undefined);
}

/** A server without log levels answers with an error, which is no reason not to ask it. */
function ignoreUnknown(error: unknown): void {
  if (!(error instanceof RawServerError)) throw error;
}

function asProtocolError(error: unknown): never {
  if (error instanceof RawServerError) throw new ProtocolError(error.code, error.message, error.data);
  throw error;
}

function withoutEnvelope(params: unknown): Readonly<Record<string, unknown>> | undefined {
  const { _meta, ...rest } = (params ?? {}) as Readonly<Record<string, unknown>>;
  const kept = Object.entries(_meta ?? {}).filter(([key]) => !key.startsWith(ENVELOPE_PREFIX));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}
