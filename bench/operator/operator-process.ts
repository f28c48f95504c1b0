import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePorts } from '../../test/fixtures/free-ports.ts';

export interface OperatorProcessOptions {
  /** What `node` runs. */
  readonly program: string;
  /** What it loads before: `probe.ts`, bundled. */
  readonly probe: string;
  /** The API server. */
  readonly url: string;
  readonly name: string;
  /** For its kubeconfig. */
  readonly folder: string;
  readonly nodeFlags: readonly string[];
}

/** One `berth operator` outside of a cluster. */
export class OperatorProcess {
  readonly metricsPort: number;
  readonly #child: ChildProcess;
  readonly #admin: string;

  static async start({
    program,
    probe,
    url,
    name,
    folder,
    nodeFlags,
  }: OperatorProcessOptions): Promise<OperatorProcess> {
    const kubeconfig = join(folder, 'kubeconfig');
    const named = (kind: string, value: object) => [{ name: 'bench', [kind]: value }];
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'bench', clusters: named('cluster', { server: url }) },
      ...{ users: named('user', {}), contexts: named('context', { cluster: 'bench', user: 'bench' }) },
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const [adminPort = 0, metricsPort = 0] = await freePorts(2);
    const flags = ['--host', '127.0.0.1', '--admin-port', String(adminPort), '--metrics-port', String(metricsPort)];
    const child = fork(program, ['operator', ...flags, '--log-level', 'warn'], {
      execArgv: ['--expose-gc', '--import', probe, ...nodeFlags],
      env: { ...process.env, KUBECONFIG: kubeconfig, POD_NAME: name, POD_NAMESPACE: 'berth-system' },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => process.stderr.write(`${name}: ${line}\n`));
    }
    return new OperatorProcess(child, adminPort, metricsPort);
  }

  private constructor(child: ChildProcess, adminPort: number, metricsPort: number) {
    this.#child = child;
    this.#admin = `http://127.0.0.1:${adminPort}`;
    this.metricsPort = metricsPort;
  }

  /** What it counts of itself, by name with labels; empty when it does not answer yet. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await this.#get('/metrics');
    const samples = (text ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
  }

  /** Whether it has asked every pod and may be asked for metrics. */
  async isReady(): Promise<boolean> {
    return (await this.#get('/readyz')) === 'ok';
  }

  /** After collections. */
  async memory(): Promise<NodeJS.MemoryUsage> {
    this.#child.send('memory');
    const [usage] = (await once(this.#child, 'message')) as [NodeJS.MemoryUsage];
    return usage;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill(signal);
    await once(this.#child, 'exit');
  }

  async #get(path: string): Promise<string | undefined> {
    // It does not listen yet.
    return await fetch(`${this.#admin}${path}`)
      .then((answer) => answer.text())
      .catch(() => undefined);
  }
}
