import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerError, readJson } from './json-http.ts';

/** The transports of both SDKs, as far as they are used here. */
interface HttpTransport {
  handleRequest(req: IncomingMessage, res: ServerResponse, body?: unknown): Promise<void>;
}

interface TransportOptions {
  readonly sessionIdGenerator: () => string;
  readonly onsessioninitialized: (id: string) => void;
  readonly onsessionclosed: (id: string) => void;
}

/** The map of sessions that the SDKs' own examples keep: a transport with a server object behind it for each. */
export class SessionMap {
  readonly #transports = new Map<string, HttpTransport>();
  readonly #connect: (options: TransportOptions) => Promise<HttpTransport>;
  #held = 0;

  /** `connect` makes a transport with these options, and a server object that serves it. */
  constructor(connect: (options: TransportOptions) => Promise<HttpTransport>) {
    this.#connect = connect;
  }

  /** Sessions that are open or being opened. */
  get held(): number {
    return this.#held;
  }

  readonly handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    try {
      const id = req.headers['mcp-session-id'];
      if (id === undefined) return await this.#open(req, res);
      const transport = this.#transports.get(String(id));
      if (transport === undefined) return answerError(res, 404, 'Session not found');
      await transport.handleRequest(req, res, req.method === 'POST' ? await readJson(req) : undefined);
    } catch (error) {
      process.stderr.write(`A request failed: ${error}\n`);
      res.destroy();
    }
  };

  async #open(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // Counted before anything is awaited: many may be opening at once.
    this.#held++;
    let opened = false;
    try {
      const body = (await readJson(req)) as { readonly method?: unknown } | undefined;
      if (body?.method !== 'initialize') return answerError(res, 400, 'Bad Request: no valid session ID provided');
      const transport = await this.#connect({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => {
          opened = true;
          this.#transports.set(id, transport);
        },
        onsessionclosed: (id) => {
          this.#transports.delete(id);
          this.#held--;
        },
      });
      await transport.handleRequest(req, res, body);
    } finally {
      if (!opened) this.#held--;
    }
  }
}
