import { createHash } from 'node:crypto';

/** What decides where a session goes: pods of the newest template first, so that it need not move again in a rollout. */
export interface Candidate {
  readonly address: string;
  readonly template: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/**
 * The candidates in the order in which every pod tries them for a session: those of the newest template first, then by
 * rendezvous hashing, so that pods agree without asking each other and a change moves few.
 */
export function rendezvous<C extends Candidate>(sessionId: string, candidates: readonly C[]): C[] {
  const begun = new Map<string, number>();
  for (const { template, startedAt } of candidates) {
    begun.set(template, Math.min(startedAt, begun.get(template) ?? Number.POSITIVE_INFINITY));
  }
  const rank = ({ template }: C) => begun.get(template) ?? 0;
  return candidates
    .map((candidate) => ({ candidate, weight: weightOf(sessionId, candidate.address) }))
    .sort((a, b) => rank(b.candidate) - rank(a.candidate) || (a.weight < b.weight ? 1 : -1))
    .map(({ candidate }) => candidate);
}

const weightOf = (sessionId: string, address: string) =>
  createHash('sha256').update(`${sessionId}\n${address}`).digest('hex');
