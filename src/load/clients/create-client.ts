import type { Client, ClientOptions, Era } from './client.ts';
import { LegacyClient } from './legacy-client.ts';
import { ModernClient } from './modern-client.ts';
import { SseClient } from './sse-client.ts';

const CLIENTS = { legacy: LegacyClient, modern: ModernClient, sse: SseClient } satisfies Record<
  Era,
  new (
    options: ClientOptions,
  ) => Client
>;

/** Makes a client of an era that has not connected yet. */
export function createClient(era: Era, options: ClientOptions): Client {
  return new CLIENTS[era]({ ...options, url: endpointOf(era, options.url) });
}

/** The endpoint of an era at an address: `/mcp` where it has no path, and for HTTP+SSE the `/sse` that is beside `/mcp`. */
function endpointOf(era: Era, url: URL): URL {
  const endpoint = new URL(url);
  if (url.pathname === '/') endpoint.pathname = '/mcp';
  if (era === 'sse') endpoint.pathname = endpoint.pathname.replace(/\/mcp$/, '/sse');
  return endpoint;
}
