import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedFleet } from '../../test/fixtures/simulated-fleets.ts';
import { createAuthority } from '../../test/operator/metrics-api/authority.ts';

/** How often a kube-controller-manager asks for each HorizontalPodAutoscaler, and how many of them at a time. */
const SYNC_MS = 15_000;
const WORKERS = 5;
const HEADERS = {
  accept: 'application/json',
  'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  'x-remote-group': ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
};

export interface Answers {
  /** Milliseconds. */
  readonly took: readonly number[];
  /** How often each status was answered. */
  readonly statuses: Readonly<Record<number, number>>;
}

/** The API server's aggregator, and the autoscalers of all fleets behind it. */
export class Autoscalers {
  /** The ConfigMap that has the operator believe them. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly #pair: { readonly cert: string; readonly key: string };

  static async create(): Promise<Autoscalers> {
    const authority = await createAuthority('CN=front-proxy-ca');
    return new Autoscalers(authority.ca, await authority.issue('CN=front-proxy-client'));
  }

  private constructor(ca: string, pair: { readonly cert: string; readonly key: string }) {
    this.#pair = pair;
    this.requestHeaders = {
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-client-ca-file': ca,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    };
  }

  /** Asks for so long for the two metrics of each fleet's resource and for the one of its pods. */
  async ask(port: number, fleets: readonly SimulatedFleet[], milliseconds: number): Promise<Answers> {
    // What certificate it shows is not the question here.
    const tls = { ...this.#pair, rejectUnauthorized: false, servername: 'berth-operator.berth-system.svc' };
    const agent = new Agent({ ...tls, keepAlive: true, maxSockets: WORKERS });
    const took: number[] = [];
    const statuses: Record<number, number> = {};
    const begun = performance.now();
    let next = 0;
    const work = async () => {
      while (performance.now() - begun < milliseconds) {
        const turn = next++;
        await sleep(Math.max(0, begun + (turn * SYNC_MS) / fleets.length - performance.now()));
        for (const path of questionsAbout(fleets[turn % fleets.length] as SimulatedFleet)) {
          const asked = performance.now();
          const sent = request({ host: '127.0.0.1', port, path, agent, headers: HEADERS }).end();
          const [answer] = (await once(sent, 'response')) as [IncomingMessage];
          await answer.resume().toArray();
          took.push(performance.now() - asked);
          statuses[answer.statusCode ?? 0] = (statuses[answer.statusCode ?? 0] ?? 0) + 1;
        }
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    agent.destroy();
    return { took, statuses };
  }
}

function questionsAbout({ namespace, name }: SimulatedFleet): readonly string[] {
  const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}`;
  const demand = (parameters: string) =>
    `${path}/mcpfleets.berth.dev/${name}/mcp_demand?metricLabelSelector=${encodeURIComponent(parameters)}`;
  const selector = encodeURIComponent(`app.kubernetes.io/instance=${name},app.kubernetes.io/name=mcp-server`);
  return [
    demand('target=700'),
    demand('buffer=100,target=1000'),
    `${path}/pods/%2A/mcp_active_connections?labelSelector=${selector}`,
  ];
}
