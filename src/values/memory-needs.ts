import { CHILD_BYTES, PARKED_BYTES, PROCESS_BYTES, SESSION_BYTES } from '../config/memory-costs.ts';
import { parkedLimit, type ServeConfig } from '../config/serve-config.ts';
import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';

/** Bytes that a full pod takes, as a module of some tools and a small command have it. */
export function usualMemory({ server }: Pick<Values, 'server'>): number {
  const settings = effectiveSettings(server);
  const held = settings.maxConnections * (SESSION_BYTES + settings.maxEventLog);
  return PROCESS_BYTES + held + parkedLimit(settings) * PARKED_BYTES + mostChildren({ server }) * CHILD_BYTES;
}

/** The processes of a command that a full pod has. */
export function mostChildren({ server }: Pick<Values, 'server'>): number {
  if (server.command === undefined) return 0;
  const { share, maxConnections, warmChildren }: ServeConfig = effectiveSettings(server);
  return share ? 1 : maxConnections + warmChildren;
}
