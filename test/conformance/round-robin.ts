import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A proxy without any affinity: whoever comes next goes to the next one. */
export interface RoundRobin {
  readonly port: number;
  /** Requests that each upstream was given. */
  readonly given: readonly number[];
  close(): Promise<void>;
}

/** What concerns one connection only (RFC 9110 §7.6.1). */
const HOP_BY_HOP = /^(?:connection|keep-alive|transfer-encoding)$/i;

/**
 * Passes each request to the next port on a new connection, both ways as it comes; a client that leaves is passed on too.
 * `before` may hold a request back.
 */
export async function startRoundRobin(
  ports: readonly number[],
  before: (req: IncomingMessage) => Promise<void> = async () => {},
): Promise<RoundRobin> {
  const given = ports.map(() => 0);
  let turn = 0;
  const pass = (req: IncomingMessage, res: ServerResponse) => {
    const index = turn++ % ports.length;
    given[index] = (given[index] ?? 0) + 1;
    const { method, url: path } = req;
    const upstream = request({ agent: false, host: '127.0.0.1', port: ports[index], method, path });
    for (const [name, values] of Object.entries(req.headersDistinct)) {
      if (!HOP_BY_HOP.test(name) && values !== undefined) upstream.setHeader(name, values);
    }
    upstream.on('response', (answer) => {
      const headers = Object.entries(answer.headersDistinct).filter(([name]) => !HOP_BY_HOP.test(name));
      res.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers)).flushHeaders();
      answer.pipe(res);
      answer.once('error', () => res.destroy());
    });
    // No 502 of our own: the judgement is about the servers.
    upstream.on('error', () => res.destroy());
    res.once('close', () => upstream.destroy());
    req.pipe(upstream);
  };
  const server = createServer((req, res) => void before(req).then(() => pass(req, res))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    given,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
