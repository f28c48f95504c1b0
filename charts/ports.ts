import type { Values } from '../src/values/schema.ts';
import { PEER_PORT } from '../src/values/server-checks.ts';
import { effectiveSettings } from '../src/values/server-values.ts';

/** The names of the containers' ports; Services and probes refer to them. */
export const PORT_NAMES = { mcp: 'mcp', admin: 'admin', peer: 'peer', upstream: 'upstream' } as const;

/** The numbers of the container's ports. */
export function containerPorts(values: Pick<Values, 'server'>): { mcp: number; admin: number; peer: number } {
  const { port, adminPort } = effectiveSettings(values.server);
  return { mcp: port, admin: adminPort, peer: PEER_PORT };
}
