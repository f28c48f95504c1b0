import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type EventStore, StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { openSession } from '../wire.ts';
import { legacyModule } from './legacy-module.ts';
import type { Side } from './script.ts';

/** The SDK's transports with its server objects behind a plain HTTP server, and the map of sessions its examples keep. */
export async function openReference(): Promise<Side & { close(): void }> {
  const { create, notes } = legacyModule();
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const connect = async () => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new SessionEvents(),
      retryInterval: 1_000,
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    await create().connect(transport as Transport);
    const { onclose } = transport;
    transport.onclose = () => {
      transports.delete(transport.sessionId ?? '');
      onclose?.();
    };
    return transport;
  };
  const server = createServer((req, res) => void serve(req, res));
  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const id = req.headers['mcp-session-id'];
    if (id === undefined) return (await connect()).handleRequest(req, res);
    // For a session that is not there: what a transport answers to the id of another one.
    await (transports.get(String(id)) ?? stranger)?.handleRequest(req, res);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  await openSession(url);
  const [stranger] = transports.values();
  return {
    url,
    notes,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The events of one session; an id that is unknown belongs to its standalone stream, as it does with berth. */
class SessionEvents implements EventStore {
  readonly #events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = [];

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `event-${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return id;
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const last = this.#events.findIndex(({ id }) => id === lastEventId);
    const stream = this.#events[last]?.stream;
    if (stream === undefined) return '_GET_stream';
    for (const event of this.#events.slice(last + 1)) {
      // Priming events are no messages.
      if (event.stream === stream && 'jsonrpc' in event.message) await send(event.id, event.message);
    }
    return stream;
  }
}
