import type { V1ResourceRequirements } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';

const MIB = 1024 ** 2;
/** A Node process with the SDK and a small server loaded. */
const PROCESS_BYTES = 128 * MIB;
/** A held session with its stream takes 50 to 90 KB beside its event log. */
const SESSION_BYTES = 96 * 1024;
/** Steps that keep the number readable, and the same for caps that differ by little. */
const STEP_BYTES = 32 * MIB;

/** Given resources as they are; otherwise memory for a full pod, twice that as the limit, and no limit on CPU. */
export function resources(values: Pick<Values, 'resources' | 'server'>): V1ResourceRequirements {
  if (values.resources !== undefined) return values.resources;
  const { maxConnections, maxEventLog } = effectiveSettings(values.server);
  const needed = PROCESS_BYTES + maxConnections * (SESSION_BYTES + maxEventLog);
  const mebibytes = (Math.ceil(needed / STEP_BYTES) * STEP_BYTES) / MIB;
  // A CPU limit would throttle the event loop in the middle of a burst; the request is what scheduling needs.
  return { requests: { cpu: '100m', memory: `${mebibytes}Mi` }, limits: { memory: `${2 * mebibytes}Mi` } };
}
