import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a process holds that no collection would free, in bytes. */
export interface LiveMemory {
  /** In V8's heap. */
  readonly heap: number;
  /** In buffers and other objects outside of it. */
  readonly external: number;
}

/** What one collection frees may let go of more in a callback. */
const COLLECTIONS = 3;

/** Reads it again and again; the first time makes V8 show its collector, which needs no flag of the command line. */
export function liveMemoryReader(): () => Promise<LiveMemory> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return async () => {
    for (let i = 0; i < COLLECTIONS; i++) {
      await nextTurn();
      collect();
    }
    const { heapUsed, external } = process.memoryUsage();
    return { heap: heapUsed, external };
  };
}
