import { readdirSync, readFileSync } from 'node:fs';

/** A process; its start distinguishes it from a later one that was given the same id. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks after boot. */
  readonly started: number;
}

/** The fields of `/proc/PID/stat` behind the name, the state first; `undefined` when there is no such process. */
export function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function processOf(pid: number): RunningProcess | undefined {
  const stat = statOf(pid);
  // What has exited and was not waited for yet holds nothing any more.
  if (stat === undefined || stat[0] === 'Z') return undefined;
  return { pid, parent: Number(stat[1]), started: Number(stat[19]) };
}

/** Whether it is still there. */
export const isRunning = ({ pid, started }: RunningProcess) => processOf(pid)?.started === started;

/** A process and all its descendants, parents first; empty when it is gone. Linux only. */
export function processTree(root: number): readonly RunningProcess[] {
  const first = processOf(root);
  if (first === undefined) return [];
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processOf(Number(name)) ?? []) : []));
  const tree = [first];
  for (const found of tree) tree.push(...all.filter(({ parent }) => parent === found.pid));
  return tree;
}
