import {
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithStdioTuple,
  type StdioPipe,
  spawn,
} from 'node:child_process';
import { setPriority } from 'node:os';

export const SHELL = '/bin/sh';

const CHILD_NICENESS = 5;

/**
 * V8 reserves 512 MiB for code and Node 64 MiB for threads before a program has done anything; Linux counts both as
 * data. With less than this a Node program does not start, or hangs as it does.
 */
const RESERVED_BY_NODE = 576 * 1024 * 1024;

// A lower limit that is set already stays; a shell that knows none of it still starts the program.
const LIMITED = 'ulimit -d "$0" 2>/dev/null; exec "$@"';

export interface SpawnOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes of memory that each process may have, so that a leap within one look at it does not take the whole pod. */
  readonly memory: number | undefined;
}

/** Starts a command as the leader of a process group and session of its own. Throws when it can not even be tried. */
export function spawnCommand({ command, environment, memory }: SpawnOptions): ChildProcessWithoutNullStreams {
  const [program = '', ...args] = command;
  const options: SpawnOptionsWithStdioTuple<StdioPipe, StdioPipe, StdioPipe> = {
    env: environment,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  };
  if (memory === undefined) return yielding(spawn(program, args, options));
  const kibibytes = Math.ceil((memory + RESERVED_BY_NODE) / 1024);
  return yielding(spawn(SHELL, ['-c', LIMITED, String(kibibytes), ...command], options));
}

/** Many that start at once must not keep berth from answering probes and peers. */
function yielding(child: ChildProcessWithoutNullStreams): ChildProcessWithoutNullStreams {
  try {
    if (child.pid !== undefined) setPriority(child.pid, CHILD_NICENESS);
  } catch {
    // It has ended already, or the system does not let us: it runs as we do.
  }
  return child;
}
