import type { V1ResourceRequirements } from '@kubernetes/client-node';
import { parkedLimit, type ServeConfig } from '../src/config/serve-config.ts';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';

const MIB = 1024 ** 2;
/** A Node process with the SDK and a small server loaded. */
const PROCESS_BYTES = 128 * MIB;
/** A held session with its stream takes 50 to 90 KB beside its event log. */
const SESSION_BYTES = 96 * 1024;
/** A parked session is its record, without server object and stream. */
const PARKED_BYTES = 4 * 1024;
/** A process of a command, as a small server in Node or Python has it for itself. */
const CHILD_BYTES = 48 * MIB;
/** Steps that keep the number readable, and the same for caps that differ by little. */
const STEP_BYTES = 32 * MIB;

/** Given resources as they are; otherwise memory for a full pod, twice that as the limit, and no limit on CPU. */
export function resources(values: Pick<Values, 'resources' | 'server'>): V1ResourceRequirements {
  if (values.resources !== undefined) return values.resources;
  const settings = effectiveSettings(values.server);
  const held = settings.maxConnections * (SESSION_BYTES + settings.maxEventLog);
  const children = values.server.command === undefined ? 0 : mostChildren(settings) * CHILD_BYTES;
  const needed = rounded(PROCESS_BYTES + held + parkedLimit(settings) * PARKED_BYTES + children);
  // One that goes up to its own limit must meet that one first: beyond the container's, all of its processes end.
  const limit = 2 * needed + rounded(settings.childMemory ?? 0);
  // A CPU limit would throttle the event loop in the middle of a burst; the request is what scheduling needs.
  return { requests: { cpu: '100m', memory: `${needed / MIB}Mi` }, limits: { memory: `${limit / MIB}Mi` } };
}

const mostChildren = ({ share, maxConnections, warmChildren }: ServeConfig) =>
  share ? 1 : maxConnections + warmChildren;

const rounded = (bytes: number) => Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
