import { isRequest, type JsonRpcMessage, type JsonRpcRequest, type RequestId } from '../../src/protocol/json-rpc.ts';
import type { RawClient, RawServer } from '../../src/sources/raw-server.ts';
import { VERSION } from '../server/wire.ts';

/** What a server says of itself in tests. */
export const INTRODUCTION = {
  protocolVersion: VERSION,
  capabilities: {},
  serverInfo: { name: 'scripted', version: '1' },
};

/** A raw server that says what it is told to, and nothing else. */
export class ScriptedServer implements RawServer {
  readonly heard: JsonRpcMessage[] = [];
  unsent = 0;
  closed = false;
  /** What `connect` waits for. */
  ready: Promise<void> = Promise.resolve();
  #client: RawClient | undefined;

  async connect(client: RawClient): Promise<void> {
    this.#client = client;
    await this.ready;
  }

  receive(message: JsonRpcMessage): void {
    this.heard.push(message);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** The requests of this method. */
  asked(method: string): JsonRpcRequest[] {
    return this.heard.filter(isRequest).filter((request) => request.method === method);
  }

  say(method: string, params: Record<string, unknown>): void {
    this.#client?.send({ jsonrpc: '2.0', method, params });
  }

  answer(id: RequestId, result: Record<string, unknown> = {}): void {
    this.#client?.send({ jsonrpc: '2.0', id, result });
  }

  refuse(id: RequestId, code: number, message = 'No.'): void {
    this.#client?.send({ jsonrpc: '2.0', id, error: { code, message } });
  }

  lose(why: string): void {
    this.#client?.lost(why);
  }
}

/** The client of a raw server, which keeps what it is told. */
export class KeepingClient implements RawClient {
  readonly heard: JsonRpcMessage[] = [];
  readonly losses: string[] = [];

  send(message: JsonRpcMessage): undefined {
    this.heard.push(message);
  }

  answer(): void {}

  lost(why: string): void {
    this.losses.push(why);
  }

  /** What it was told beside answers, by method. */
  told(method: string): JsonRpcMessage[] {
    return this.heard.filter((message) => 'method' in message && message.method === method);
  }

  /** The answer to its request of this id, if there is one. */
  answerTo(id: RequestId): JsonRpcMessage | undefined {
    return this.heard.find((message) => !('method' in message) && message.id === id);
  }
}

export const NO_CONTEXT = { headers: {} };
