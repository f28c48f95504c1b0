import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';

/** Where a request really goes, while its URL keeps the name that the server expects in `Host`. */
export interface Route {
  /** The IP address that every name leads to: a Service's, or one pod's. */
  readonly address: string;
  /** The address to come from. Session affinity takes each for a client of its own. */
  readonly from?: string | undefined;
  /** Whether sockets are used again. */
  readonly keepAlive: boolean;
}

/** The options for `node:http` that make a request take this route. */
export function optionsFor(route: Route): { readonly agent: Agent; readonly lookup: LookupFunction } & RequestOptions {
  const lookup: LookupFunction = (_name, options, found) => {
    if (options.all === true) found(null, [{ address: route.address, family: 4 }]);
    else found(null, route.address, 4);
  };
  return {
    agent: new Agent({ keepAlive: route.keepAlive }),
    lookup,
    ...(route.from === undefined ? {} : { localAddress: route.from }),
  };
}

/** A `fetch` for the SDK's clients that takes this route, which the built-in one cannot. `close` ends its sockets. */
export function fetchVia(route: Route): { readonly fetch: typeof fetch; close(): void } {
  const options = optionsFor(route);
  const fetchThere: typeof fetch = async (input, init) => {
    const asked = new Request(input, init);
    const body = asked.body === null ? undefined : Buffer.from(await asked.arrayBuffer());
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(asked.url, {
        ...options,
        method: asked.method,
        headers: Object.fromEntries(asked.headers),
        signal: asked.signal,
      });
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
      outgoing.end(body);
    });
    return new Response(bodyOf(answer), {
      status: answer.statusCode ?? 0,
      headers: Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]),
    });
  };
  return { fetch: fetchThere, close: () => options.agent.destroy() };
}

function bodyOf(answer: IncomingMessage): ReadableStream | null {
  if (answer.statusCode === 204 || answer.statusCode === 304) return null;
  return Readable.toWeb(answer) as ReadableStream;
}
