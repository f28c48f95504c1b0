import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** Flags for a Node server whose memory is to be read. */
export const MEMORY_FLAGS = ['--expose-gc', '--import', fileURLToPath(new URL('memory-hook.ts', import.meta.url))];

/** In Linux's abstract namespace, where nothing is left behind. */
export const hookSocketOf = (pid: number) => `\0berth-bench-memory-${pid}`;

export interface Memory {
  /** Bytes that V8 uses, and those outside of its heap that it counts. */
  readonly live: number;
  /** Resident bytes. */
  readonly rss: number;
}

/** What a process that was started with `MEMORY_FLAGS` holds after forced collections. */
export async function memoryOf(pid: number): Promise<Memory> {
  const answer = await text(connect(hookSocketOf(pid))).catch((error: Error) => {
    throw new Error(`Asked process ${pid} for its memory: ${error.message}. Only Node can be asked.`);
  });
  return JSON.parse(answer) as Memory;
}
