import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type McpServer,
  type Server,
} from '@modelcontextprotocol/server';
import type { AnyMcpServer } from '../../sources/define-server.ts';

/** A server object of the SDK that speaks both eras. */
export type ModernProduct = McpServer | Server;

/** Where the SDK keeps what it knows of the client and of the era; there is no other way to tell it. */
interface ClientFields {
  _clientCapabilities: unknown;
  _clientVersion: unknown;
  _negotiatedProtocolVersion: string | undefined;
}

const FIELDS = ['_clientCapabilities', '_clientVersion', '_negotiatedProtocolVersion'] as const;

/** The part of a server object that speaks the protocol. */
export function serverOf(product: AnyMcpServer | ModernProduct): Server {
  return ('server' in product ? product.server : product) as Server;
}

/** Throws when a server object keeps what it knows of its client elsewhere. */
export function assertKnownFields(server: Server): void {
  const missing = FIELDS.filter((field) => !(field in server));
  if (missing.length === 0) return;
  throw new TypeError(`The server object has no ${missing.join(', ')}: this version of its SDK is not supported.`);
}

/** Tells a server object whom it serves, from the envelope of a request (MCP 2026-07-28, `_meta` of requests). */
export function introduce(server: Server, version: string, meta: Readonly<Record<string, unknown>>): void {
  assertKnownFields(server);
  const fields = server as unknown as ClientFields;
  fields._negotiatedProtocolVersion = version;
  if (meta[CLIENT_CAPABILITIES_META_KEY] !== undefined) {
    fields._clientCapabilities = meta[CLIENT_CAPABILITIES_META_KEY];
  }
  if (meta[CLIENT_INFO_META_KEY] !== undefined) fields._clientVersion = meta[CLIENT_INFO_META_KEY];
}

/** Makes a server object forget whom it served. */
export function forgetClient(server: Server): void {
  const fields = server as unknown as ClientFields;
  fields._negotiatedProtocolVersion = undefined;
  fields._clientCapabilities = undefined;
  fields._clientVersion = undefined;
}
