import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { optionsFor, type Route } from './dial.ts';
import { initializeMessage, legacyMessage, reasonOf } from './mcp-wire.ts';
import { serverSentEvents } from './server-sent-events.ts';

/** What a client of the lab does all the time. */
export interface LabClientOptions {
  readonly url: URL;
  readonly route: Route;
  /** Whether it holds the standalone stream open, and has the server tell it numbers there. */
  readonly listens: boolean;
  /** Seconds that each call takes; 0 for calls that are answered at once. */
  readonly seconds: () => number;
  /** Milliseconds between two calls. */
  readonly pause: number;
}

/** What happened to a client over its whole life. */
export interface LabTally {
  calls: number;
  /** Times that the standalone stream was opened again. */
  streams: number;
  /** Events that came on the standalone stream. */
  events: number;
  /** Calls whose stream ended before their answer, which then came on another one. */
  resumed: number;
  /** Everything that must not be, by what it was. */
  readonly failures: Record<string, number>;
  /** When and whose they were, for a person who looks for them in the pods' logs. */
  readonly details: string[];
}

/** An answer that is not a result, or none at all. */
class Failure extends Error {}

/** What a client waits for when nobody has told it how long, and how long it looks for events that are on their way. */
const RETRY_MS = 1_000;
const LAST_EVENTS_MS = 15_000;
/** The longest of anything that a test waits for: a call of 20 s and a pod's start. */
const PATIENCE_MS = 45_000;

/**
 * One session over raw HTTP, called again and again. Nothing is tried a second time, but for streams, which are opened
 * again with Last-Event-ID, as clients of server-sent events do.
 */
export class LabClient {
  readonly tally: LabTally = { calls: 0, streams: 0, events: 0, resumed: 0, failures: {}, details: [] };
  readonly #options: LabClientOptions;
  readonly #http: ReturnType<typeof optionsFor>;
  readonly #over = new AbortController();
  #session = '';
  #nextId = 1;
  /** Calls that have raised the session's own counter. */
  #counted = 0;
  #told = 0;
  #heard = 0;

  constructor(options: LabClientOptions) {
    this.#options = options;
    this.#http = optionsFor(options.route);
  }

  /** Opens the session; rejects when it is not admitted. */
  async open(): Promise<void> {
    const { headers, body } = initializeMessage();
    const answer = await this.#request('POST', headers, body);
    await text(answer);
    if (answer.statusCode !== 200) throw new Failure(`initialize ${answer.statusCode}`);
    this.#session = String(answer.headers['mcp-session-id']);
    const confirmed = legacyMessage('notifications/initialized', {}, undefined, this.#session);
    await text(await this.#request('POST', confirmed.headers, confirmed.body));
  }

  /** Works until the signal, waits for what is still on its way, and ends the session. */
  async work(signal: AbortSignal): Promise<LabTally> {
    const streaming = this.#options.listens ? this.#listen() : undefined;
    while (!signal.aborted) {
      await this.#noting('', () => this.#oneCall());
      await sleep(this.#options.pause);
    }
    const end = Date.now() + LAST_EVENTS_MS;
    while (streaming !== undefined && this.#heard < this.#told && Date.now() < end) await sleep(100);
    if (this.#options.listens && this.#heard !== this.#told) this.#fail(`${this.#told - this.#heard} events missing`);
    await this.#noting('at the end: ', () => this.#count());
    this.#over.abort();
    await streaming;
    await this.#request('DELETE', { 'mcp-session-id': this.#session })
      .then(text)
      .catch(() => undefined);
    this.#http.agent.destroy();
    return this.tally;
  }

  async #oneCall(): Promise<void> {
    const seconds = this.#options.seconds();
    if (seconds > 0) return this.#expect(await this.#call('wait', { seconds }), 'waited');
    if (!this.#options.listens || this.#nextId % 2 === 0) return await this.#count();
    this.#expect(await this.#call('tell', { text: String(this.#told + 1) }), 'told');
    this.#told++;
  }

  async #count(): Promise<void> {
    const found = await this.#call('session', {});
    const wanted = `${this.#session}:${this.#counted + 1}`;
    // Whatever it is: one gap is one failure.
    this.#counted = Number(found.slice(found.indexOf(':') + 1));
    this.#expect(found, wanted);
  }

  #expect(found: string, wanted: string): void {
    if (found !== wanted)
      throw new Failure(`answered ${found.replace(this.#session, 'id')}, not ${wanted.replace(this.#session, 'id')}`);
    this.tally.calls++;
  }

  /** Calls a tool; answers the text of its result. */
  async #call(name: string, args: object): Promise<string> {
    const id = this.#nextId++;
    const params = { name, arguments: args, _meta: { progressToken: id } };
    const message = legacyMessage('tools/call', params, id, this.#session);
    const answer = await this.#request('POST', message.headers, message.body);
    if (answer.statusCode !== 200) throw new Failure(`call ${answer.statusCode} ${reasonOf(await text(answer))}`);
    if (!isStream(answer)) return textOf(await text(answer));
    let position: string | undefined;
    let found: string | undefined;
    for (let stream = answer; ; ) {
      try {
        for await (const event of serverSentEvents(stream)) {
          position = event.id ?? position;
          if (event.data?.startsWith('{') && (JSON.parse(event.data) as { id?: unknown }).id === id) found = event.data;
        }
      } catch {
        // Cut: for a client the same as an end.
      }
      if (found !== undefined) return textOf(found);
      this.tally.resumed++;
      this.#detail(`call ${id} resumed after ${position}`);
      stream = await this.#resume(position);
    }
  }

  async #resume(position: string | undefined): Promise<IncomingMessage> {
    if (position === undefined) throw new Failure('call ended without a word');
    await sleep(RETRY_MS);
    const answer = await this.#get(position);
    if (answer.statusCode === 200) return answer;
    throw new Failure(`call resumed ${answer.statusCode} ${reasonOf(await text(answer))}`);
  }

  /** Holds the standalone stream open until the end. */
  async #listen(): Promise<void> {
    let retry = RETRY_MS;
    let position: string | undefined;
    const read = async (answer: IncomingMessage) => {
      for await (const event of serverSentEvents(answer)) {
        retry = event.retry ?? retry;
        position = event.id ?? position;
        if (event.data?.startsWith('{') === true) this.#hear(event.data);
      }
    };
    for (let opened = 0; !this.#over.signal.aborted; opened++) {
      if (opened > 0) this.tally.streams++;
      await this.#noting('stream: ', async () => {
        const answer = await this.#get(position, this.#over.signal);
        if (answer.statusCode !== 200) throw new Failure(`${answer.statusCode} ${reasonOf(await text(answer))}`);
        // However it ends: the next one goes on where this one stopped.
        await read(answer).catch(() => undefined);
      });
      if (!this.#over.signal.aborted) await sleep(retry);
    }
  }

  #hear(message: string): void {
    const { params } = JSON.parse(message) as { readonly params?: { readonly data?: string } };
    this.tally.events++;
    const number = Number(params?.data);
    if (number === this.#heard + 1) this.#heard++;
    else if (number <= this.#heard) this.#fail('event doubled');
    else {
      this.#fail('event lost');
      this.#heard = number;
    }
  }

  #get(position?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return this.#request(
      'GET',
      {
        accept: 'text/event-stream',
        'mcp-session-id': this.#session,
        'mcp-protocol-version': '2025-11-25',
        ...(position === undefined ? {} : { 'last-event-id': position }),
      },
      undefined,
      signal,
    );
  }

  #request(
    method: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
    signal: AbortSignal = AbortSignal.timeout(PATIENCE_MS),
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#options.url, { ...this.#http, method, headers, signal });
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async #noting(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#over.signal.aborted) this.#fail(`${what}${codeOf(error)}`);
    }
  }

  #detail(what: string): void {
    this.tally.details.push(`${new Date().toISOString()} ${this.#session} from ${this.#options.route.from}: ${what}`);
  }

  #fail(what: string): void {
    this.tally.failures[what] = (this.tally.failures[what] ?? 0) + 1;
    this.#detail(what);
  }
}

function isStream(answer: IncomingMessage): boolean {
  return answer.headers['content-type']?.startsWith('text/event-stream') === true;
}

/** The text of a tool's result; anything else is a failure. */
function textOf(json: string): string {
  const { result, error } = JSON.parse(json) as {
    readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] };
    readonly error?: { readonly message: string };
  };
  const found = result?.content?.[0]?.text;
  if (found === undefined || result?.isError === true) throw new Failure(`error: ${error?.message ?? found}`);
  return found;
}

function codeOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The sum over many clients. */
export function sumOf(tallies: readonly LabTally[]): LabTally {
  const total: LabTally = { calls: 0, streams: 0, events: 0, resumed: 0, failures: {}, details: [] };
  for (const one of tallies) {
    for (const key of ['calls', 'streams', 'events', 'resumed'] as const) total[key] += one[key];
    for (const [what, count] of Object.entries(one.failures))
      total.failures[what] = (total.failures[what] ?? 0) + count;
    total.details.push(...one.details);
  }
  return total;
}
