/** Steps that a pod's cap is cut into: pods that differ by less than one are as good as each other. */
const STEPS = 20;

/** How far two pods' connections may differ before they differ in cost. */
export function costStep(maxConnections: number): number {
  return Math.max(1, Math.floor(maxConnections / STEPS));
}

/** The cost of a pod that holds so many connections: in steps, so that it seldom changes. */
export function costFor(connections: number, maxConnections: number): number {
  const step = costStep(maxConnections);
  return Math.floor(connections / step) * step;
}
