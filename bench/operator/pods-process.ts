import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PodsOrder } from './pods-child.ts';

const program = fileURLToPath(new URL('pods-child.ts', import.meta.url));
/** A process may have so many files open at least on most systems; a pod takes one to listen and one for each who asks. */
const PODS_PER_PROCESS = 5_000;

/** Fake pods in processes of their own. */
export class PodsProcesses {
  readonly #children: readonly ChildProcess[];

  /** Listens at each of these loopback addresses. */
  static async start(addresses: readonly string[], port: number): Promise<PodsProcesses> {
    const shares: string[][] = [];
    for (let start = 0; start < addresses.length; start += PODS_PER_PROCESS) {
      shares.push(addresses.slice(start, start + PODS_PER_PROCESS));
    }
    const children = shares.map(() => fork(program));
    await Promise.all(children.map((child, index) => tell(child, { listen: shares[index] ?? [], port })));
    return new PodsProcesses(children);
  }

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Has each pod hold a number of connections below this, and others every so many milliseconds. */
  async hold(below: number, everyMs?: number): Promise<void> {
    const order = { below, ...(everyMs === undefined ? {} : { everyMs }) };
    await Promise.all(this.#children.map((child) => tell(child, order)));
  }

  stop(): void {
    for (const child of this.#children) child.disconnect();
  }
}

async function tell(child: ChildProcess, order: PodsOrder): Promise<void> {
  child.send(order);
  await once(child, 'message');
}
