import type { Child } from './child.ts';
import type { ProcessEntry, ProcessTable } from './process-table.ts';

export interface ChildLimitsOptions {
  /** Bytes of memory for each process of a child. */
  readonly memory: number | undefined;
  /** Processes that one child may consist of. */
  readonly processes: number | undefined;
  readonly table: ProcessTable;
}

/** Memory is gone sooner than processes are: a program fills some 100 MB within this. */
const MEMORY_LOOK_MS = 250;
const PROCESSES_LOOK_MS = 1_000;
const MIB = 1024 * 1024;

/**
 * Ends children that take more than their share. It counts itself, since the kernel's own limits either reach over all
 * pods of a node (RLIMIT_NPROC counts by user), or take berth with the child (a pod's memory limit).
 */
export class ChildLimits {
  readonly #options: ChildLimitsOptions;
  readonly #children = new Set<Child>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: ChildLimitsOptions) {
    this.#options = options;
  }

  /** Watches a child until it is gone. */
  watch(child: Child): void {
    const { memory, processes, table } = this.#options;
    if ((memory === undefined && processes === undefined) || !table.available) return;
    this.#children.add(child);
    this.#timer ??= setInterval(
      () => void this.#look(),
      memory === undefined ? PROCESSES_LOOK_MS : MEMORY_LOOK_MS,
    ).unref();
    void child.gone.then(() => {
      this.#children.delete(child);
      if (this.#children.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const entries = await this.#options.table.read();
      for (const [child, family] of this.#byChild(entries)) {
        const reason = this.#tooMany(family) ?? this.#tooLarge(family);
        if (reason !== undefined) child.kill(reason);
      }
    } catch {
      // The table can not be read now, for want of file descriptors as a rule; the next look is soon.
    } finally {
      this.#looking = false;
    }
  }

  #byChild(entries: readonly ProcessEntry[]): ReadonlyMap<Child, ProcessEntry[]> {
    const byKey = new Map<string | number, Child>();
    for (const child of this.#children) {
      if (child.pid === undefined) continue;
      byKey.set(child.pid, child);
      byKey.set(child.marker, child);
    }
    const families = new Map<Child, ProcessEntry[]>();
    for (const entry of entries) {
      const child = byKey.get(entry.marker ?? entry.group);
      if (child === undefined) continue;
      const family = families.get(child);
      if (family === undefined) families.set(child, [entry]);
      else family.push(entry);
    }
    return families;
  }

  #tooMany(family: readonly ProcessEntry[]): string | undefined {
    const { processes } = this.#options;
    if (processes === undefined || family.length <= processes) return undefined;
    return `was ended, since it had ${family.length} processes and ${processes} are allowed (--child-processes)`;
  }

  #tooLarge(family: readonly ProcessEntry[]): string | undefined {
    const { memory, table } = this.#options;
    if (memory === undefined) return undefined;
    for (const entry of family) {
      const used = table.memoryOf(entry);
      if (used <= memory) continue;
      const [had, allowed] = [used, memory].map((bytes) => `${Math.ceil(bytes / MIB)} MiB`);
      return `was ended, since one of its processes used ${had} of memory and ${allowed} are allowed (--child-memory)`;
    }
    return undefined;
  }
}
