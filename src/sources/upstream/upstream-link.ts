import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { isRequest, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import type { ClientContext } from '../raw-server.ts';
import { legacyRequestHeaders } from './passed-headers.ts';
import type { UpstreamDoor } from './upstream-door.ts';

export interface PostOptions {
  readonly signal: AbortSignal;
  sent?(): void;
}

const GOODBYE_LIMIT_MS = 2_000;

/** Requests that do no harm when they are carried out twice; any other one may. */
const REPEATABLE = new Set([
  'ping',
  'initialize',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'logging/setLevel',
  'completion/complete',
]);

/** One session with the upstream: what was agreed on, said with every request (MCP 2025-11-25, Streamable HTTP). */
export class UpstreamLink {
  /** The upstream's own id of the session, if it has sessions. Clients never see it. */
  sessionId: string | undefined;
  protocolVersion: string | undefined;
  readonly #door: UpstreamDoor;
  #headers: ClientContext['headers'] = {};

  constructor(door: UpstreamDoor) {
    this.#door = door;
  }

  get url(): string {
    return this.#door.url.href;
  }

  /** Remembers the headers of the client's last message, for requests that belong to none of its. */
  heard({ headers }: ClientContext): void {
    if (Object.keys(headers).length > 0) this.#headers = headers;
  }

  /** Sends a message of the client's, or one in its name; `sent` is called when the upstream may see it. */
  post(message: JsonRpcMessage, { headers }: ClientContext, { signal, sent }: PostOptions): Promise<IncomingMessage> {
    return this.#door.sendPatiently({
      method: 'POST',
      headers: {
        ...this.#said(Object.keys(headers).length > 0 ? headers : this.#headers),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(message),
      signal,
      ...(sent !== undefined && { sent }),
      // A notification changes nothing the second time, an answer is taken once.
      repeatable: !isRequest(message) || REPEATABLE.has(message.method),
    });
  }

  /** Asks for the standalone stream, or for the rest of any stream from an event on. */
  listen(lastEventId: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#door.sendPatiently({
      method: 'GET',
      headers: {
        ...this.#said(this.#headers),
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
      signal,
      repeatable: true,
    });
  }

  /** Ends the session there, if there is one and the upstream can hear it. */
  async leave(): Promise<void> {
    if (this.sessionId === undefined) return;
    const signal = AbortSignal.timeout(GOODBYE_LIMIT_MS);
    try {
      const answer = await this.#door.send({
        method: 'DELETE',
        headers: this.#said(this.#headers),
        signal,
        repeatable: true,
      });
      answer.resume();
    } catch {
      // It is gone, or forgets the session by itself.
    }
  }

  #said(headers: ClientContext['headers']): OutgoingHttpHeaders {
    return {
      ...legacyRequestHeaders(headers),
      'accept-encoding': 'identity',
      ...(this.sessionId !== undefined && { 'mcp-session-id': this.sessionId }),
      ...(this.protocolVersion !== undefined && { 'mcp-protocol-version': this.protocolVersion }),
    };
  }
}
