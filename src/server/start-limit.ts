/** Clients wait for 60 s; a slot must not be lost to a source that never comes back. */
const CREATE_LIMIT_MS = 30_000;

/** Milliseconds for a server object to be made, where a command gets `startTimeout` for its first answer. */
export function startLimitOf(startTimeout: number): number {
  return Math.max(CREATE_LIMIT_MS, startTimeout);
}
