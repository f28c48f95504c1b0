import type { ServerResponse } from 'node:http';
import type { Phase } from '../fleet/phase.ts';
import { answerJson } from './answers.ts';
import type { Lifecycle } from './lifecycle.ts';

/**
 * Answers the probes, on whichever listener they come: readiness says whether this pod serves, full or not, and whether
 * the server behind it can be reached; liveness only that the event loop turns. Answers false for any other path.
 */
export function createProbes(lifecycle: Pick<Lifecycle, 'phase'>, reachable: () => boolean = () => true) {
  return function answerProbe(path: string, res: ServerResponse): boolean {
    if (path === '/livez') {
      answerJson(res, 200, { status: 'ok' });
      return true;
    }
    if (path !== '/health-check' && path !== '/health-check/') return false;
    const problem = problemOf(lifecycle.phase, reachable());
    if (problem === undefined) answerJson(res, 200, { status: 'ok' });
    else answerJson(res, 503, { status: problem });
    return true;
  };
}

function problemOf(phase: Phase, reachable: boolean): string | undefined {
  if (phase === 'starting') return 'starting';
  if (phase !== 'serving') return 'draining';
  return reachable ? undefined : 'upstream unreachable';
}
