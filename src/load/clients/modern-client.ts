import { outcomeOf, resultOf } from '../answer.ts';
import { isEventStream } from '../http-connection.ts';
import { type Outcome, outcomeOfError, RequestFailed } from '../outcome.ts';
import { type Call, Ids, type RepeatedRequest, RequestEncoder } from '../requests.ts';
import { CLIENT_INFO, type Client, type ClientOptions, JSON_FIELDS } from './client.ts';
import { Connections } from './connections.ts';

const VERSION = '2026-07-28';
/** What every request says of its client (MCP 2026-07-28, `_meta` of requests). */
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A client without a session (MCP 2026-07-28): discovery opens it, a listener is its stream. */
export class ModernClient implements Client {
  readonly #options: ClientOptions;
  readonly #encoder: RequestEncoder;
  readonly #ids = new Ids();
  readonly #connections: Connections;
  #prepared: RepeatedRequest | undefined;
  /** There is no session that could be lost. */
  readonly lost = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#encoder = new RequestEncoder(options.url, options.headers);
    this.#connections = new Connections(options.url, options.connection);
  }

  async open(): Promise<void> {
    await this.ask({ method: 'server/discover', params: {} });
  }

  async hold(): Promise<void> {
    const listen = { method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } };
    const id = this.#ids.next();
    const answer = await this.#connections.hold(this.#encode(listen).withId(id), this.#options.stream);
    if (!isEventStream(answer)) throw new RequestFailed(listen.method, outcomeOf(answer, id));
  }

  async ask(call: Call): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#ids.next();
    const answer = await this.#connections.calls.send(this.#encode(call).withId(id), id);
    const outcome = outcomeOf(answer, id);
    if (outcome.kind !== 'result') throw new RequestFailed(call.method, outcome);
    return resultOf(answer.body);
  }

  prepare(call: Call): void {
    this.#prepared = this.#encode(call);
  }

  async call(): Promise<Outcome> {
    if (this.#prepared === undefined) throw new Error('No call was prepared.');
    const id = this.#ids.next();
    try {
      return outcomeOf(await this.#connections.calls.send(this.#prepared.withId(id), id), id);
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  get holding(): boolean {
    return this.#connections.holding;
  }

  slowDown(bytesPerSecond: number): void {
    this.#connections.slowDown(bytesPerSecond);
  }

  async close(): Promise<void> {
    this.vanish();
  }

  vanish(): void {
    this.#connections.close();
  }

  #encode({ method, params }: Call): RepeatedRequest {
    const { pathname, search } = this.#options.url;
    const name = nameOf({ method, params });
    const fields = { ...JSON_FIELDS, 'MCP-Protocol-Version': VERSION, 'Mcp-Method': method };
    const named = name === undefined ? fields : { ...fields, 'Mcp-Name': inHeader(name) };
    return this.#encoder.call(pathname + search, { method, params: { ...params, _meta: META } }, named);
  }
}

/** What a request is about, where its header must say so (MCP 2026-07-28, `Mcp-Name`). */
function nameOf({ method, params }: Call): string | undefined {
  const name = method === 'resources/read' ? params['uri'] : params['name'];
  return ['tools/call', 'prompts/get', 'resources/read'].includes(method) ? String(name) : undefined;
}

/** Text that no header can hold is sent in base64 (MCP 2026-07-28, header encoding). */
function inHeader(text: string): string {
  if (/^[!-~]([ -~]*[!-~])?$/.test(text) && !text.startsWith('=?')) return text;
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
