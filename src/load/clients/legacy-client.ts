import { outcomeOf, resultOf } from '../answer.ts';
import { type Answer, isEventStream } from '../http-connection.ts';
import { type Outcome, outcomeOfError, RequestFailed } from '../outcome.ts';
import { type Call, type Fields, Ids, type RepeatedRequest, RequestEncoder } from '../requests.ts';
import { CLIENT_INFO, type Client, type ClientOptions, JSON_FIELDS } from './client.ts';
import { Connections } from './connections.ts';

const VERSION = '2025-11-25';
/** A server that does not answer DELETE holds up whoever takes leave for no longer than this. */
const FAREWELL_MS = 2_000;

/** A client of Streamable HTTP with a session (MCP 2025-11-25); one connection for calls, another for its stream. */
export class LegacyClient implements Client {
  readonly #options: ClientOptions;
  readonly #path: string;
  readonly #encoder: RequestEncoder;
  readonly #ids = new Ids();
  readonly #connections: Connections;
  #session: Fields = {};
  #prepared: RepeatedRequest | undefined;
  lost = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#path = options.url.pathname + options.url.search;
    this.#encoder = new RequestEncoder(options.url, options.headers);
    this.#connections = new Connections(options.url, options.connection);
  }

  async open(): Promise<void> {
    const params = { protocolVersion: VERSION, capabilities: {}, clientInfo: CLIENT_INFO };
    const { head, body } = await this.#ask({ method: 'initialize', params });
    const id = /\r\nmcp-session-id:[ \t]*([^\s]+)/i.exec(head)?.[1];
    this.#session = {
      'MCP-Protocol-Version': String(resultOf(body)['protocolVersion'] ?? VERSION),
      // A server without sessions gives none.
      ...(id === undefined ? {} : { 'Mcp-Session-Id': id }),
    };
    const initialized = this.#encoder.notification(this.#path, 'notifications/initialized', this.#fields);
    const { status } = await this.#connections.calls.send(initialized);
    if (status >= 300) throw new RequestFailed('notifications/initialized', { kind: 'http', status });
  }

  async hold(): Promise<void> {
    const fields = { Accept: 'text/event-stream', ...this.#session };
    const answer = await this.#connections.hold(this.#encoder.request('GET', this.#path, fields), this.#options.stream);
    if (!isEventStream(answer)) throw new RequestFailed('GET', { kind: 'http', status: answer.status });
  }

  async ask(call: Call): Promise<Readonly<Record<string, unknown>>> {
    return resultOf((await this.#ask(call)).body);
  }

  async #ask(call: Call): Promise<Answer> {
    const id = this.#ids.next();
    const answer = await this.#connections.calls.send(
      this.#encoder.call(this.#path, call, this.#fields).withId(id),
      id,
    );
    const outcome = outcomeOf(answer, id);
    if (outcome.kind !== 'result') throw new RequestFailed(call.method, outcome);
    return answer;
  }

  prepare(call: Call): void {
    this.#prepared = this.#encoder.call(this.#path, call, this.#fields);
  }

  async call(): Promise<Outcome> {
    if (this.#prepared === undefined) throw new Error('No call was prepared.');
    const id = this.#ids.next();
    try {
      const answer = await this.#connections.calls.send(this.#prepared.withId(id), id);
      // A session that is not known is over (MCP 2025-11-25, session management).
      if (answer.status === 404) this.lost = true;
      return outcomeOf(answer, id);
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
    const { calls } = this.#connections;
    this.#connections.closeStream();
    // A call that is under way would hold up the farewell.
    if (calls.busy) calls.close();
    if (this.#session['Mcp-Session-Id'] !== undefined) {
      const timer = setTimeout(() => calls.close(), FAREWELL_MS);
      // Whatever it answers: the session is over for this client.
      await calls.send(this.#encoder.request('DELETE', this.#path, this.#session)).catch(outcomeOfError);
      clearTimeout(timer);
    }
    calls.close();
  }

  vanish(): void {
    this.#connections.close();
  }

  get #fields(): Fields {
    return { ...JSON_FIELDS, ...this.#session };
  }
}
