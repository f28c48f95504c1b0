import { CHILD_BYTES, HELD_BYTES, LEAST_PROCESS_BYTES } from '../config/memory-costs.ts';
import { mostChildren } from './memory-needs.ts';
import { parseQuantity } from './quantity.ts';
import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';
import { isTree } from './tree.ts';

/** What is most likely a mistake, though it may be meant: sentences that begin with the path of a value. */
export function warningsOf(values: Pick<Values, 'server' | 'resources'>): readonly string[] {
  return capBeyondMemory(values);
}

/** Tells the person who runs a command, on stderr. */
export function printWarnings(values: Pick<Values, 'server' | 'resources'>): void {
  for (const warning of warningsOf(values)) process.stderr.write(`Warning: ${warning}\n`);
}

/** A limit that is given, and that the sessions exceed though each of them takes little. */
function capBeyondMemory({ server, resources }: Pick<Values, 'server' | 'resources'>): readonly string[] {
  const given = isTree(resources?.['limits']) ? resources['limits']['memory'] : undefined;
  const limit = parseQuantity(given);
  if (limit === undefined) return [];
  const { maxConnections, childMemory = CHILD_BYTES } = effectiveSettings(server);
  // One that may have no more is known to need no more.
  const ofChild = Math.min(CHILD_BYTES, childMemory);
  const children = mostChildren({ server });
  const needed = LEAST_PROCESS_BYTES + maxConnections * HELD_BYTES + children * ofChild;
  if (needed <= limit) return [];
  const parts = [
    `berth at rest takes ${inMib(LEAST_PROCESS_BYTES)}`,
    `each session ${HELD_BYTES / 1024} KiB at least`,
    ...(children === 0
      ? []
      : [
          `${children === 1 ? 'a process of the command' : `each of ${children} processes of the command`} some ${inMib(ofChild)} as a rule`,
        ]),
  ];
  return [
    `resources.limits.memory is ${given} and server.maxConnections ${maxConnections}: ${listed(parts)}, together ${inMib(needed)}, so that a pod is ended for want of memory before it is full. Give more memory or fewer connections; berth serve --max-connections auto, run in a container with this limit, logs how many it has room for.`,
  ];
}

const inMib = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
const listed = (parts: readonly string[]) => `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
