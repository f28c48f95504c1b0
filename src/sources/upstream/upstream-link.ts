import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { isRequest, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import type { ClientContext } from '../raw-server.ts';
import { legacyRequestHeaders } from './passed-headers.ts';
import type { UpstreamDoor } from './upstream-door.ts';

export interface PostOptions {
  readonly signal: AbortSignal;
  sent?(): void;
}

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
  #last: ClientContext = { headers: {} };

  constructor(door: UpstreamDoor) {
    this.#door = door;
  }

  get url(): string {
    return this.#door.url.href;
  }

  /** Remembers the headers of the client's last message, for requests that belong to none of its. */
  heard(context: ClientContext): void {
    if (hasHeaders(context)) this.#last = context;
  }

  /** Sends a message of the client's, or one in its name; `sent` is called when the upstream may see it. */
  post(message: JsonRpcMessage, context: ClientContext, { signal, sent }: PostOptions): Promise<IncomingMessage> {
    return this.#door.sendPatiently({
      method: 'POST',
      headers: {
        ...this.#said(hasHeaders(context) ? context : this.#last),
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
        ...this.#said(this.#last),
        accept: 'text/event-stream',
        // Node takes a character of a header for a byte; ids are UTF-8 (WHATWG HTML §9.2).
        ...(lastEventId !== undefined && { 'last-event-id': Buffer.from(lastEventId).toString('latin1') }),
      },
      signal,
      repeatable: true,
    });
  }

  /** Ends the session there, if there is one and the upstream can hear it. */
  async leave(): Promise<void> {
    if (this.sessionId !== undefined) await this.#door.sayGoodbye(this.#said(this.#last));
  }

  #said({ headers, remoteAddress }: ClientContext): OutgoingHttpHeaders {
    return {
      ...legacyRequestHeaders(headers, remoteAddress),
      'accept-encoding': 'identity',
      ...(this.sessionId !== undefined && { 'mcp-session-id': this.sessionId }),
      ...(this.protocolVersion !== undefined && { 'mcp-protocol-version': this.protocolVersion }),
    };
  }
}

function hasHeaders({ headers }: ClientContext): boolean {
  return Object.keys(headers).length > 0;
}
