import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { answerError, readJson } from './json-http.ts';
import { PORT } from './tools.ts';
import { createV1Server } from './v1-server.ts';

/** The least that serves the SDK's `McpServer` over HTTP; answers are JSON. */
class Session implements Transport {
  readonly sessionId = randomUUID();
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage) => void;
  stream: ServerResponse | undefined;
  readonly #waiting = new Map<RequestId, ServerResponse>();

  async start(): Promise<void> {}

  receive(message: JSONRPCMessage, res: ServerResponse): void {
    if ('method' in message && 'id' in message) this.#waiting.set(message.id, res);
    else res.writeHead(202).end();
    this.onmessage?.(message);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const body = JSON.stringify(message);
    if ('method' in message || message.id === undefined) return void this.stream?.write(`data: ${body}\n\n`);
    const res = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    res?.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': this.sessionId }).end(body);
  }

  async close(): Promise<void> {
    this.stream?.end();
    this.onclose?.();
  }
}

const sessions = new Map<string, Session>();

async function open(): Promise<Session> {
  const session = new Session();
  await createV1Server().connect(session);
  sessions.set(session.sessionId, session);
  return session;
}

createServer(async (req, res) => {
  const id = req.headers['mcp-session-id'];
  if (id === undefined && req.method !== 'POST') return answerError(res, 400, 'Bad Request: no Mcp-Session-Id');
  const session = id === undefined ? await open() : sessions.get(String(id));
  if (session === undefined) return answerError(res, 404, 'Session not found');
  if (req.method === 'GET') {
    session.stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
  } else if (req.method === 'DELETE') {
    sessions.delete(session.sessionId);
    await session.close();
    res.writeHead(200).end();
  } else {
    const message = (await readJson(req)) as JSONRPCMessage | undefined;
    if (message === undefined) answerError(res, 400, 'Parse error');
    else session.receive(message, res);
  }
}).listen(PORT, '127.0.0.1');
