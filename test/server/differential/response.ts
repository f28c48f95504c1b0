import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Observed, SentRequest } from './script.ts';

/** A call whose answer takes so many milliseconds is streamed by berth, with some time to spare. */
const LATE_MS = 1_500;

const UNSEEN: Observed = {
  ...{ status: 0, type: 'none', session: false, messages: [], primed: false, numbered: 0 },
  ...{ late: false, ended: 'left' },
};

/** One request and what comes for it, read as it comes. */
export class Response {
  readonly #request: ClientRequest;
  readonly messages: unknown[] = [];
  readonly #eventIds: string[] = [];
  readonly #sentAt = performance.now();
  readonly #waiting = new Set<() => void>();
  #head: IncomingMessage | undefined;
  #late = false;
  #prime: string | undefined;
  #text = '';
  #ended: Observed['ended'] = 'never';
  #sessionEnds = false;

  constructor(url: string, { method, headers, body }: SentRequest, agent: Agent) {
    this.#request = request(url, { method, headers, agent });
    this.#request.on('response', (head) => this.#begin(head)).on('error', () => this.#end());
    this.#request.end(body);
  }

  get status(): number | undefined {
    return this.#head?.statusCode;
  }

  get over(): boolean {
    return this.#ended !== 'never';
  }

  get sessionId(): string | undefined {
    const id = this.#head?.headers['mcp-session-id'];
    return typeof id === 'string' ? id : undefined;
  }

  /** Waits until something is so, for a while at most: what does not come is seen in what came. */
  async until(holds: (response: Response) => boolean, limit: number): Promise<void> {
    if (holds(this)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => holds(this) && resolve();
    const timer = setTimeout(resolve, limit);
    this.#waiting.add(look);
    await promise;
    this.#waiting.delete(look);
    clearTimeout(timer);
  }

  /** The id of the last question that came; `null` if none did. */
  get asked(): unknown {
    const questions = this.messages.filter((message) => 'method' in (message as object) && 'id' in (message as object));
    return (questions.at(-1) as { readonly id?: unknown } | undefined)?.id ?? null;
  }

  leave(): void {
    if (this.over) return;
    this.#ended = 'left';
    this.#request.destroy();
    this.#tell();
  }

  /** What ends from now on may end because its session does. */
  endSession(): void {
    this.#sessionEnds = true;
  }

  /** The id of the last event, or of one before it. */
  eventId(without: number): string | undefined {
    return this.#eventIds.at(-1 - without) ?? this.#prime;
  }

  observed(): Observed {
    // Whether the headers came before the client went is a matter of luck.
    if (this.#ended === 'left' && this.messages.length === 0) return UNSEEN;
    const allow = this.#head?.headers.allow;
    return {
      status: this.status ?? 0,
      type: this.#type(),
      session: this.sessionId !== undefined,
      ...(allow !== undefined && { allow }),
      messages: this.messages,
      primed: this.#prime !== undefined,
      numbered: this.#eventIds.length,
      late: this.#late,
      ended: this.#ended,
    };
  }

  #type(): string {
    const type = this.#head?.headers['content-type']?.split(';')[0];
    if (type === undefined) return 'none';
    return { 'application/json': 'json', 'text/event-stream': 'events' }[type] ?? type;
  }

  #begin(head: IncomingMessage): void {
    this.#head = head;
    this.#late = performance.now() - this.#sentAt > LATE_MS;
    head.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk));
    head.once('end', () => this.#finish()).once('close', () => this.#end());
    this.#tell();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    if (this.#type() !== 'events') return;
    const frames = this.#text.split('\n\n');
    this.#text = frames.pop() ?? '';
    for (const frame of frames) this.#event(frame);
    this.#tell();
  }

  #event(frame: string): void {
    // Not a dot: that ends at line separators, which JSON may hold.
    const field = (name: string) => new RegExp(`^${name}: ([^\\n]*)$`, 'm').exec(frame)?.[1];
    const [id, data = ''] = [field('id'), field('data')];
    if (data !== '') this.messages.push(JSON.parse(data));
    if (id !== undefined && data !== '') this.#eventIds.push(id);
    else if (id !== undefined) this.#prime = id;
  }

  #finish(): void {
    if (this.#type() !== 'events' && this.#text !== '') {
      const body = parsed(this.#text);
      this.messages.push(...(Array.isArray(body) ? body : [body]));
    }
    this.#end();
  }

  #end(): void {
    if (!this.over) this.#ended = this.#sessionEnds ? 'with the session' : 'itself';
    this.#tell();
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
