import type { V1ResourceRequirements } from '@kubernetes/client-node';
import { usualMemory } from '../src/values/memory-needs.ts';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';

const MIB = 1024 ** 2;
/** Steps that keep the number readable, and the same for caps that differ by little. */
const STEP_BYTES = 32 * MIB;

/** Given resources as they are; otherwise memory for a full pod, twice that as the limit, and no limit on CPU. */
export function resources(values: Pick<Values, 'resources' | 'server'>): V1ResourceRequirements {
  if (values.resources !== undefined) return values.resources;
  const needed = rounded(usualMemory(values));
  // One that goes up to its own limit must meet that one first: beyond the container's, all of its processes end.
  const limit = 2 * needed + rounded(effectiveSettings(values.server).childMemory ?? 0);
  // A CPU limit would throttle the event loop in the middle of a burst; the request is what scheduling needs.
  return { requests: { cpu: '100m', memory: `${needed / MIB}Mi` }, limits: { memory: `${limit / MIB}Mi` } };
}

const rounded = (bytes: number) => Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
