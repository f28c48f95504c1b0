import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Why this replica should not be asked for metrics; `undefined` when it should. */
  readonly notReady: () => string | undefined;
}

/** Listens for probes and for Prometheus: `/livez`, `/readyz`, `/metrics`. */
export async function listenForAdmin({ host, port, registry, notReady }: AdminOptions): Promise<Server> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const answer = (status: number, body: string, type = 'text/plain') =>
      response.writeHead(status, { 'content-type': type }).end(body);
    if (path === '/livez') answer(200, 'ok');
    else if (path === '/readyz') {
      const reason = notReady();
      answer(reason === undefined ? 200 : 503, reason ?? 'ok');
    } else if (path === '/metrics') {
      registry.metrics().then(
        (text) => answer(200, text, registry.contentType),
        (error: unknown) => answer(500, String(error)),
      );
    } else answer(404, `Nothing is served at ${path}`);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}
