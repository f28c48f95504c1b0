import type { KubeConfig } from '@kubernetes/client-node';
import { UsageError } from '../config/problems.ts';
import type { ObservedCall } from './calls.ts';
import { type Credentials, httpConnection } from './connection.ts';
import { KubeApi } from './kube-api.ts';

export interface ConnectOptions {
  /** A context of the kubeconfig, in place of its current one. */
  readonly context?: string | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly observe?: (call: ObservedCall) => void;
}

/**
 * The API server that kubectl would talk to here: that of KUBECONFIG, of ~/.kube/config, or in a pod of the pod's own
 * cluster. Throws a `UsageError` when there is none, or no such context.
 */
export async function connect(options: ConnectOptions = {}): Promise<KubeApi> {
  const { context, requestTimeoutMs, observe } = options;
  const config = await readKubeConfig(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new UsageError([noContext(config, context)]);
  const credentials = () => credentialsOf(config, cluster.proxyUrl !== undefined);
  const connection = httpConnection(cluster.server, { credentials, requestTimeoutMs });
  return new KubeApi({ connection, ...(observe === undefined ? {} : { observe }) });
}

async function readKubeConfig(context: string | undefined): Promise<KubeConfig> {
  // Takes the better part of a second: whoever only serves must not pay for it.
  const { KubeConfig } = await import('./kube-config.ts');
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (error) {
    throw new UsageError([`Cannot read the kubeconfig: ${error instanceof Error ? error.message : error}`]);
  }
  if (config.getCurrentCluster()?.server === NOWHERE && config.getCurrentContext() === 'loaded-context') {
    throw new UsageError([
      'There is no cluster to talk to: KUBECONFIG is not set, there is no ~/.kube/config, and this is no pod.',
    ]);
  }
  if (context !== undefined) config.setCurrentContext(context);
  // Refuses plain HTTP, as of `kubectl proxy`, unless told not to look at certificates, which there are none of.
  config.clusters = config.clusters.map((cluster) =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  return config;
}

/** What client-node makes up when it finds nothing. */
const NOWHERE = 'http://localhost:8080';

function noContext(config: KubeConfig, context: string | undefined): string {
  const known = config.getContexts().map(({ name }) => name);
  const found = known.length === 0 ? 'none' : known.join(', ');
  if (context === undefined) return `The kubeconfig has no cluster for its current context. Its contexts: ${found}`;
  return `--context must be one of the kubeconfig's (${found}). Got ${context}.`;
}

/** Read anew for each request: client-node reads token files once a minute, and asks plugins when a token runs out. */
async function credentialsOf(config: KubeConfig, proxied: boolean): Promise<Credentials> {
  const options: Record<string, unknown> = {};
  await config.applyToHTTPSOptions(options);
  const { agent, ...credentials } = options;
  return (proxied ? { ...credentials, agent } : credentials) as Credentials;
}
