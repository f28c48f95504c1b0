import {
  Client as DualEraClient,
  StreamableHTTPClientTransport as DualEraTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { fetchVia, type Route } from './dial.ts';

const IDENTITY = { name: 'cluster-test', version: '1' };

/** An SDK client of the legacy era with a session of its own. */
export interface LegacySession {
  readonly client: Client;
  /** Ends the session with DELETE, as a client should; once is enough. */
  end(): Promise<void>;
}

/** Opens a session of the legacy era with the SDK's client. */
export async function openSession(url: URL, route: Route): Promise<LegacySession> {
  const { fetch, close } = fetchVia(route);
  const transport = new StreamableHTTPClientTransport(url, { fetch });
  const client = new Client(IDENTITY);
  // The class says `sessionId: string | undefined` where its own interface says `sessionId?: string`.
  await client.connect(transport as Transport);
  let ended = false;
  return {
    client,
    end: async () => {
      if (ended) return;
      ended = true;
      await transport.terminateSession();
      await client.close();
      close();
    },
  };
}

/** Runs `use` with an SDK client of the modern era. */
export async function withModernClient<T>(
  url: URL,
  route: Route,
  use: (client: DualEraClient) => Promise<T>,
): Promise<T> {
  const { fetch, close } = fetchVia(route);
  const client = new DualEraClient(IDENTITY, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new DualEraTransport(url, { fetch }));
  try {
    return await use(client);
  } finally {
    await client.close();
    close();
  }
}
