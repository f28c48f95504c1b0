import type { Logger } from 'pino';
import { kinds } from '../kube/kinds.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { Reflector } from '../kube/reflector.ts';
import {
  parseRequestHeaderConfig,
  type RequestHeaderConfig,
  RequestHeaderError,
} from './metrics-api/request-header.ts';

/** Where the API server says how its aggregator can be told from everybody else. */
const NAMESPACE = 'kube-system';
const NAME = 'extension-apiserver-authentication';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface AggregatorAuthenticationOptions {
  readonly api: KubeApi;
  readonly log: Logger;
  /** Called at first and whenever it changes. */
  readonly trust: (config: RequestHeaderConfig) => void;
}

/** Watches how the aggregator proves who it is; what was known last holds until there is something better. */
export class AggregatorAuthentication {
  readonly #options: AggregatorAuthenticationOptions;
  #trusted = false;

  constructor(options: AggregatorAuthenticationOptions) {
    this.#options = options;
  }

  /** Whether it is known whom to believe. */
  get trusted(): boolean {
    return this.#trusted;
  }

  /** Watches until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const reflector = new Reflector<ConfigMap, Readonly<Record<string, string>>>({
      ...{ api: this.#options.api, log: this.#options.log },
      kind: kinds.configMap,
      selections: [{ namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}` }],
      keep: ({ data = {} }) => data,
      changed: (_, data) => this.#see(data),
    });
    await reflector.run(signal);
  }

  #see(data: Readonly<Record<string, string>> | undefined): void {
    try {
      this.#options.trust(parseRequestHeaderConfig(data ?? {}));
      this.#trusted = true;
    } catch (error) {
      if (!(error instanceof RequestHeaderError)) throw error;
      this.#options.log.warn({ err: error }, 'Failed to read how the API server authenticates its aggregator');
    }
  }
}
