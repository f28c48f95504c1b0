import type { RequestListener, ServerResponse } from 'node:http';
import { answerJson } from './answers.ts';
import type { Metrics } from './metrics.ts';
import { pathOf } from './request-listener.ts';

/** What the admin listener answers: probes, `/metrics` and `/connections`. It is never part of the public Service. */
export function createAdminListener(
  metrics: Metrics,
  answerProbe: (path: string, res: ServerResponse) => boolean,
): RequestListener {
  return async function handleAdminRequest(req, res) {
    const path = pathOf(req);
    if (answerProbe(path, res)) return;
    if (path === '/connections') return answerJson(res, 200, metrics.connections());
    if (path !== '/metrics') return answerJson(res, 404, { error: `Nothing is served at ${path}.` });
    const text = await metrics.registry.metrics();
    res.writeHead(200, { 'content-type': metrics.registry.contentType });
    res.end(text);
  };
}
