import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The memory that may be used, and whose limit that is. */
export interface MemoryLimit {
  readonly bytes: number;
  readonly of: 'container' | 'machine';
}

const MIB = 1024 ** 2;

/** The container's limit, or the machine's memory: 0 or more than that is how Node says that there is no limit. */
export function memoryLimit(constrained = process.constrainedMemory(), total = totalmem()): MemoryLimit {
  const limited = constrained > 0 && constrained <= total;
  return limited ? { bytes: constrained, of: 'container' } : { bytes: total, of: 'machine' };
}

/** Bytes that all that lives for long may take of a heap with this limit, in a process with this memory; of this one's. */
export function oldSpaceLimit(
  heapSizeLimit = getHeapStatistics().heap_size_limit,
  memory = memoryLimit().bytes,
): number {
  return heapSizeLimit - newSpaceLimit(memory);
}

/**
 * V8's heap limit counts the space for new objects as well, which are not there to stay. It goes by the memory, whatever
 * size `--max-old-space-size` gives the rest; at least as much as Node 24.21 said: 3 MiB up to 512 MiB of memory, 48 up to
 * 1 GiB, 96 of 2 GiB, 192 from 4 GiB on.
 */
function newSpaceLimit(memory: number): number {
  if (memory <= 512 * MIB) return 3 * MIB;
  return Math.min(192 * MIB, Math.max(48 * MIB, (memory * 3) / 64));
}
