import type { ServerResponse } from 'node:http';
import { answerJson } from './answers.ts';
import type { Lifecycle } from './lifecycle.ts';

/**
 * Answers the probes, on whichever listener they come: readiness says whether this pod serves, full or not; liveness
 * only that the event loop turns. Answers false for any other path.
 */
export function createProbes(lifecycle: Pick<Lifecycle, 'phase'>) {
  return function answerProbe(path: string, res: ServerResponse): boolean {
    if (path === '/livez') {
      answerJson(res, 200, { status: 'ok' });
      return true;
    }
    if (path !== '/health-check' && path !== '/health-check/') return false;
    if (lifecycle.phase === 'serving') answerJson(res, 200, { status: 'ok' });
    else answerJson(res, 503, { status: lifecycle.phase === 'starting' ? 'starting' : 'draining' });
    return true;
  };
}
