import type { V1ResourceRequirements } from '@kubernetes/client-node';
import { parkedLimit } from '../src/config/serve-config.ts';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';

const MIB = 1024 ** 2;
/** A Node process with the SDK and a small server loaded. */
const PROCESS_BYTES = 128 * MIB;
/** A held session with its stream takes 50 to 90 KB beside its event log. */
const SESSION_BYTES = 96 * 1024;
/** A parked session is its record, without server object and stream. */
const PARKED_BYTES = 4 * 1024;
/** Steps that keep the number readable, and the same for caps that differ by little. */
const STEP_BYTES = 32 * MIB;

/** Given resources as they are; otherwise memory for a full pod, twice that as the limit, and no limit on CPU. */
export function resources(values: Pick<Values, 'resources' | 'server'>): V1ResourceRequirements {
  if (values.resources !== undefined) return values.resources;
  const settings = effectiveSettings(values.server);
  const held = settings.maxConnections * (SESSION_BYTES + settings.maxEventLog);
  const needed = PROCESS_BYTES + held + parkedLimit(settings) * PARKED_BYTES;
  const mebibytes = (Math.ceil(needed / STEP_BYTES) * STEP_BYTES) / MIB;
  // A CPU limit would throttle the event loop in the middle of a burst; the request is what scheduling needs.
  return { requests: { cpu: '100m', memory: `${mebibytes}Mi` }, limits: { memory: `${2 * mebibytes}Mi` } };
}
