import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kubectl, kubectlJson, type Outcome, run } from './command.ts';
import { optionsFor } from './dial.ts';
import { eventually } from './eventually.ts';
import { imageUnderTest, labImage, splitImage } from './images.ts';
import { type Answer, send } from './mcp-wire.ts';

/** One pod of a fleet, as Kubernetes sees it. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly podIP: string;
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
    readonly containerStatuses: readonly { readonly restartCount: number }[];
    readonly initContainerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** The part of a pod's `/connections` that the tests go by. */
export interface Connections {
  readonly active: number;
  readonly max: number;
  readonly overCap: number;
  readonly sessions: { readonly active: number; readonly dozing: number; readonly parked: number };
}

const ADMIN_PORT = 9464;

interface Service {
  readonly spec: { readonly clusterIP: string; readonly ports: readonly { readonly port: number }[] };
}

/** A fleet in a namespace of its own, made from what `cdk8s synth` wrote. */
export class FleetUnderTest {
  readonly name = 'fleet';
  readonly namespace: string;
  /** Its folder of manifests. */
  readonly manifests: string;
  #address = '';
  #port = 0;

  private constructor(namespace: string, manifests: string) {
    this.namespace = namespace;
    this.manifests = manifests;
  }

  /**
   * Makes the namespace, under Pod Security's strictest rules, and the manifests; nothing is applied yet. `values` are laid
   * over those of `files`.
   */
  static async prepare(
    namespace: string,
    values: Readonly<Record<string, unknown>>,
    image = imageUnderTest(),
    files: readonly string[] = [],
  ): Promise<FleetUnderTest> {
    const fleet = await FleetUnderTest.#inNamespace(namespace);
    await fleet.#synthesise(values, image, files);
    return fleet;
  }

  /** A fleet of the lab as a custom resource, applied and reachable. */
  static async asResource(
    namespace: string,
    { server, ...spec }: Readonly<Record<string, unknown>> & { readonly server: object },
  ): Promise<FleetUnderTest> {
    const fleet = await FleetUnderTest.#inNamespace(namespace);
    const [repository, tag] = splitImage(labImage());
    const resource = {
      apiVersion: 'berth.dev/v1alpha1',
      kind: 'MCPFleet',
      metadata: { name: fleet.name, namespace },
      spec: { image: { repository, tag }, ...spec, server: { ...server, source: '/server/parkable.js' } },
    };
    await writeFile(path.join(fleet.manifests, 'fleet.json'), JSON.stringify(resource));
    await fleet.apply();
    await fleet.kubectl('wait', '--for=condition=Available', `mcpfleet/${fleet.name}`, '--timeout=90s');
    await fleet.reachable(30_000);
    return fleet;
  }

  static async #inNamespace(namespace: string): Promise<FleetUnderTest> {
    const fleet = new FleetUnderTest(namespace, await mkdtemp(path.join(tmpdir(), 'berth-manifests-')));
    await kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: namespace,
          labels: {
            'pod-security.kubernetes.io/enforce': 'restricted',
            'pod-security.kubernetes.io/warn': 'restricted',
          },
        },
      }),
    );
    return fleet;
  }

  /** A fleet of the lab (test/fixtures/cluster-lab), applied and reachable. */
  static async ofLab(
    namespace: string,
    sessions: 'parkable' | 'resident',
    { server, ...values }: Readonly<Record<string, unknown>> & { readonly server: object },
  ): Promise<FleetUnderTest> {
    const source = `/server/${sessions}.js`;
    const fleet = await FleetUnderTest.prepare(namespace, { ...values, server: { ...server, source } }, labImage());
    await fleet.apply();
    await fleet.rolledOut(90);
    await fleet.reachable(30_000);
    return fleet;
  }

  async #synthesise(values: Readonly<Record<string, unknown>>, image: string, files: readonly string[]): Promise<void> {
    const [repository, tag] = splitImage(image);
    const file = path.join(this.manifests, '..', `${path.basename(this.manifests)}.values.json`);
    await writeFile(
      file,
      JSON.stringify({
        name: this.name,
        namespace: this.namespace,
        image: { repository, tag, pullPolicy: 'IfNotPresent' },
        ...values,
      }),
    );
    const environment = { BERTH_VALUES: [...files, file].join(',') };
    const outcome = await run('node_modules/.bin/cdk8s', ['synth', '--output', this.manifests], { environment });
    await rm(file);
    if (outcome.code !== 0)
      throw new Error(`cdk8s synth ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`);
  }

  /** Applies the manifests with the validation that a careful person would use. */
  apply(...more: readonly string[]): Promise<Outcome> {
    return kubectl(['apply', '--server-side=false', '--validate=strict', ...more, '-f', this.manifests]);
  }

  /**
   * Waits until the Service leads to the pods: kube-proxy hears of them after the Deployment does, and until then the
   * Service refuses.
   */
  async reachable(milliseconds: number): Promise<void> {
    const route = optionsFor({ address: await this.address(), keepAlive: false });
    const health = await this.url('/health-check');
    await eventually('an answer through the Service', milliseconds, async () => {
      const answer = await send(route, 'GET', health).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
  }

  /** Waits until the Service, which keeps no client on its pod, leads to so many pods. */
  async spreads(pods: number, milliseconds: number): Promise<void> {
    const route = optionsFor({ address: await this.address(), keepAlive: false });
    const seen = new Set<string>();
    await eventually(`answers of ${pods} pods through the Service`, milliseconds, async () => {
      const answer = await send(route, 'GET', await this.url('/'));
      seen.add((JSON.parse(answer.body) as { serverId: string }).serverId);
      return seen.size === pods ? true : undefined;
    });
  }

  /** Waits until every replica is up to date and available. */
  async rolledOut(seconds: number): Promise<void> {
    await this.kubectl('rollout', 'status', `deployment/${this.name}`, `--timeout=${seconds}s`);
  }

  /** The pods, without those that are on their way out. */
  async pods(): Promise<readonly Pod[]> {
    const list = await this.get<{ readonly items: readonly Pod[] }>(
      'pods',
      '-l',
      `app.kubernetes.io/instance=${this.name}`,
    );
    return list.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  }

  /** Waits until only `count` pods are there, those on their way out included. */
  async settledAt(count: number, milliseconds: number): Promise<readonly Pod[]> {
    return await eventually(`${count} pods`, milliseconds, async () => {
      const all = await this.get<{ readonly items: readonly Pod[] }>(
        'pods',
        '-l',
        `app.kubernetes.io/instance=${this.name}`,
      );
      return all.items.length === count ? all.items : undefined;
    });
  }

  /** What each pod says of its connections, those on their way out included; a pod that does not answer is left out. */
  async connections(): Promise<readonly Connections[]> {
    const list = await this.get<{ readonly items: readonly Pod[] }>(
      'pods',
      '-l',
      `app.kubernetes.io/instance=${this.name}`,
    );
    const answers = list.items.map(({ status: { podIP } }) =>
      podIP === undefined ? undefined : this.connectionsOf(podIP).catch(() => undefined),
    );
    return (await Promise.all(answers)).filter((answer) => answer !== undefined);
  }

  /** What one pod says of its connections. */
  async connectionsOf(podIP: string): Promise<Connections> {
    return JSON.parse((await this.#askAdmin(podIP, '/connections')).body) as Connections;
  }

  /** What one pod has for Prometheus. */
  async metricsOf(podIP: string): Promise<string> {
    return (await this.#askAdmin(podIP, '/metrics')).body;
  }

  async #askAdmin(podIP: string, where: string): Promise<Answer> {
    const url = await this.url(where);
    url.port = String(ADMIN_PORT);
    return await send(optionsFor({ address: podIP, keepAlive: false }), 'GET', url);
  }

  /** The Service's own address. Its name is known inside the cluster only, so clients are led there (dial.ts). */
  async address(): Promise<string> {
    if (this.#address === '') await this.#readService();
    return this.#address;
  }

  /** The URL that a client inside the cluster would use, with the Service's DNS name. */
  async url(where: string): Promise<URL> {
    if (this.#port === 0) await this.#readService();
    return new URL(where, `http://${this.name}.${this.namespace}.svc.cluster.local:${this.#port}`);
  }

  async #readService(): Promise<void> {
    const { spec } = await this.get<Service>('service', this.name);
    this.#address = spec.clusterIP;
    this.#port = spec.ports[0]?.port ?? 0;
  }

  get<T>(...args: readonly string[]): Promise<T> {
    return kubectlJson<T>('-n', this.namespace, 'get', ...args);
  }

  kubectl(...args: readonly string[]): Promise<Outcome> {
    return kubectl(['-n', this.namespace, ...args]);
  }

  /** What the pods say, for a person who reads why a test failed. */
  async lastWords(): Promise<string> {
    const seen = await Promise.all([
      run('kubectl', ['-n', this.namespace, 'get', 'pods,events']),
      run('kubectl', [
        '-n',
        this.namespace,
        'logs',
        '--prefix',
        '--all-containers',
        '--tail=30',
        '-l',
        `app.kubernetes.io/instance=${this.name}`,
      ]),
    ]);
    return seen.map((outcome) => outcome.stdout + outcome.stderr).join('\n');
  }

  /** Deletes the namespace with everything in it. */
  async remove(): Promise<void> {
    await rm(this.manifests, { recursive: true, force: true });
    await run('kubectl', ['delete', 'namespace', this.namespace, '--wait=false']);
  }
}
