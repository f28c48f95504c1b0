import type { RequestListener, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { ServeConfig } from '../config/serve-config.ts';
import { answerJson } from './answers.ts';
import { type Listener, listen } from './listener.ts';
import { pathOf } from './request-listener.ts';

/** The numbers that the admin listener shows. */
export interface Reports<Connections = object> {
  /** What Prometheus scrapes. */
  registry(): Promise<Registry>;
  /** The body of `/connections`; `undefined` when there is nobody to ask. */
  connections(): Promise<Connections | undefined>;
}

type AnswerProbe = (path: string, res: ServerResponse) => boolean;

/** Listens on the port for probes, `/metrics` and `/connections`. It is never part of the public Service. */
export function listenForAdmin(
  config: Pick<ServeConfig, 'host' | 'adminPort' | 'bodyTimeout'>,
  reports: Reports,
  answerProbe: AnswerProbe,
): Promise<Listener> {
  const { host, adminPort: port, bodyTimeout: requestTimeout } = config;
  // One socket is enough for those who ask here.
  return listen({ host, port, sockets: 1, requestTimeout, onRequest: createAdminListener(reports, answerProbe) });
}

function createAdminListener(reports: Reports, answerProbe: AnswerProbe): RequestListener {
  return async function handleAdminRequest(req, res) {
    const path = pathOf(req);
    if (answerProbe(path, res)) return;
    if (path === '/connections') {
      const connections = await reports.connections();
      if (connections === undefined) return answerJson(res, 503, { error: 'No worker answered.' });
      return answerJson(res, 200, connections);
    }
    if (path !== '/metrics') return answerJson(res, 404, { error: `Nothing is served at ${path}.` });
    const registry = await reports.registry();
    const text = await registry.metrics();
    res.writeHead(200, { 'content-type': registry.contentType });
    res.end(text);
  };
}
