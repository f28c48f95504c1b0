import { kubectl, kubectlJson } from './command.ts';
import { optionsFor } from './dial.ts';
import { eventually } from './eventually.ts';
import type { Pod } from './fleet.ts';
import { labImage } from './images.ts';
import { send } from './mcp-wire.ts';

/** What a played pod says of its connections, and how (test/fixtures/cluster-lab/played-pod.ts). */
export interface Role {
  readonly active: number;
  readonly manner?: 'plain' | 'garbage' | 'slow';
}

const NAME = 'played';
const TARGET = 10;

/** A Deployment of pods that only say what they hold, as plain manifests label them, with an autoscaler on their demand. */
export class PlayedFleet {
  readonly name = NAME;
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Applies it with so many pods, each of which holds exactly the autoscaler's target, and waits for them. */
  async start(pods: number): Promise<void> {
    const labels = {
      'app.kubernetes.io/name': 'mcp-server',
      'app.kubernetes.io/managed-by': 'berth',
      'app.kubernetes.io/instance': NAME,
    };
    const metadata = { name: NAME, namespace: this.namespace };
    const container = {
      name: 'berth',
      image: labImage(),
      imagePullPolicy: 'IfNotPresent',
      command: ['node', '/server/played-pod.js'],
      env: [{ name: 'ACTIVE', value: String(TARGET) }],
      ports: [{ name: 'admin', containerPort: 9464 }],
    };
    const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers: [container] } };
    const metric = { name: 'mcp_demand', selector: { matchLabels: { target: String(TARGET) } } };
    const describedObject = { apiVersion: 'v1', kind: 'Service', name: NAME };
    const target = { type: 'AverageValue', averageValue: String(TARGET) };
    const items = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.namespace } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: { replicas: pods, selector: { matchLabels: labels }, template },
      },
      {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata,
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: NAME },
          minReplicas: 1,
          maxReplicas: pods,
          metrics: [{ type: 'Object', object: { describedObject, metric, target } }],
          // Whatever is told is done.
          behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
        },
      },
    ];
    await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await this.#kubectl('rollout', 'status', `deployment/${NAME}`, '--timeout=60s');
  }

  async pods(): Promise<readonly Pod[]> {
    const list = await kubectlJson<{ readonly items: readonly Pod[] }>('-n', this.namespace, 'get', 'pods');
    return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Has a pod say something else from now on. */
  async play({ status: { podIP } }: Pod, role: Role): Promise<void> {
    const as = encodeURIComponent(JSON.stringify({ manner: 'plain', ...role }));
    const url = new URL(`http://${podIP}:9464/role?as=${as}`);
    await eventually('the pod in its role', 10_000, async () => {
      const answer = await send(optionsFor({ address: podIP, keepAlive: false }), 'GET', url).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
  }

  /** What a pod's answers are played to, for a watch of the autoscaler. */
  async connectionsOf(): Promise<never> {
    throw new Error('Played pods are told what to say');
  }

  async remove(): Promise<void> {
    await kubectl(['delete', 'namespace', this.namespace, '--wait=false']);
  }

  #kubectl(...args: readonly string[]) {
    return kubectl(['-n', this.namespace, ...args]);
  }
}
