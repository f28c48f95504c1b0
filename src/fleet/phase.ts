/**
 * Where a process is in its life. `starting`: not ready yet. `serving`. `leaving`: everything is still served, but peers
 * and proxies are told to go elsewhere. `closing`: nothing new is taken; what is there is brought to its end.
 */
export type Phase = (typeof PHASES)[number];

/** In their order: none comes back. */
const PHASES = ['starting', 'serving', 'leaving', 'closing'] as const;

export function isBefore(phase: Phase, other: Phase): boolean {
  return PHASES.indexOf(phase) < PHASES.indexOf(other);
}
