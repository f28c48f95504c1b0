import { initialize, inSession, MODERN, modernPost, post, VERSION } from '../../test/server/wire.ts';

/** A peer that is asked by nobody else answers at once, but for Python on a busy machine. */
const limit = () => AbortSignal.timeout(10_000);

/** Asks one server, one request at a time: to see that it answers, not how fast. */
export interface PeerClient {
  /** The result of a request; throws what was answered instead. */
  ask(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Opens the session's stream, for 10 s at most; resolves once its headers are there. */
  openStream(): Promise<Response>;
  close(): Promise<void>;
}

/** Opens a session in the legacy era, when the server gives one; in the modern era there is nothing to open. */
export async function openClient(url: string, era: 'legacy' | 'modern'): Promise<PeerClient> {
  if (era === 'modern') {
    return {
      ask: async (method, params) => resultOf(method, await modernPost(url, method, { ...params }, limit())),
      openStream: () => Promise.reject(new Error(`There is no stream of a session in MCP ${MODERN}.`)),
      close: async () => {},
    };
  }
  const opened = await post(url, initialize(), {}, limit());
  await resultOf('initialize', opened);
  const id = opened.headers.get('mcp-session-id');
  const headers = id === null ? { 'mcp-protocol-version': VERSION } : inSession(id);
  await (await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers, limit())).arrayBuffer();
  return {
    ask: async (method, params = {}) =>
      resultOf(method, await post(url, { jsonrpc: '2.0', id: 1, method, params }, headers, limit())),
    openStream: () => fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: limit() }),
    async close() {
      if (id !== null) await (await fetch(url, { method: 'DELETE', headers, signal: limit() })).arrayBuffer();
    },
  };
}

async function resultOf(method: string, response: Response): Promise<unknown> {
  const text = await response.text();
  const answer = response.headers.get('content-type')?.startsWith('text/event-stream') ? answerIn(text) : text;
  const { result } = (response.ok ? JSON.parse(answer) : {}) as { result?: unknown };
  if (result === undefined) throw new Error(`${method} was answered with status ${response.status}: ${text}`);
  return result;
}

/** The data of the last event, after whatever went before the answer. Servers in Python end lines with CR LF. */
const answerIn = (stream: string) => [...stream.matchAll(/^data: ?(.+?)\r?$/gm)].at(-1)?.[1] ?? '{}';
