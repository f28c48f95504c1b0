import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { CERTIFICATES_SECRET, OPERATOR_LABELS, OPERATOR_NAME } from '../../../charts/operator/names.ts';
import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { TlsPair } from './generation.ts';
import { readContent, type SecretContent, type SecretData, writeContent } from './secret-content.ts';
import type { ServiceName } from './service-name.ts';

export interface CertificateStoreOptions {
  readonly api: KubeApi;
  /** The operator's Service; the Secret is in its namespace. */
  readonly service: ServiceName;
  /** Called with what is to be served, at first and whenever it changes. */
  onChange(pair: TlsPair): void;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** The Secret as it was read. */
export interface StoredSecret {
  /** As found, to be replaced in that version only. */
  readonly object: SecretObject;
  readonly data: SecretData;
  readonly content: SecretContent;
}

interface SecretObject extends KubeObject {
  readonly data?: SecretData;
}

const LABELS = { ...OPERATOR_LABELS, 'app.kubernetes.io/managed-by': 'berth' };

/** The Secret with the operator's certificates: read and written by the leader, watched by every replica. */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  readonly #listeners = new Set<() => void>();
  #pair: TlsPair | undefined;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
  }

  /** The Secret's name. */
  get name(): string {
    return CERTIFICATES_SECRET;
  }

  /** What to serve with; stays what it was when the Secret breaks or goes. */
  get pair(): TlsPair | undefined {
    return this.#pair;
  }

  /** Watches the Secret until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { api, service, log } = this.#options;
    const fieldSelector = `metadata.name=${this.name}`;
    const reflector = new Reflector<SecretObject, SecretData>({
      api,
      kind: kinds.secret,
      selections: [{ namespace: service.namespace, fieldSelector }],
      keep: ({ data = {} }) => data,
      changed: (_key, data) => this.#see(data),
      log,
    });
    await reflector.run(signal);
  }

  /** Calls `listener` on every change of the Secret until aborted. */
  watch(listener: () => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** Reads the Secret from the API server, not from what the watch has seen. */
  async read(signal: AbortSignal): Promise<StoredSecret | undefined> {
    const { api, service, clock } = this.#options;
    const ref = { kind: kinds.secret, namespace: service.namespace, name: this.name };
    const object = await api.get<SecretObject>(ref, { signal });
    if (object === undefined) return undefined;
    const { data = {} } = object;
    return { object, data, content: readContent(data, service, clock()) };
  }

  /**
   * Writes over `stored`, or creates the Secret where there was none. Resolves false, with nothing written, when
   * another leader was quicker.
   */
  async write(stored: StoredSecret | undefined, content: SecretContent, signal: AbortSignal): Promise<boolean> {
    const data = writeContent(content);
    try {
      await (stored ? this.#replace({ ...stored.object, data }, signal) : this.#create(data, signal));
      return true;
    } catch (error) {
      // 404: it was deleted meanwhile.
      if (error instanceof KubeError && (error.status === 409 || error.status === 404)) return false;
      throw error;
    }
  }

  #replace(object: SecretObject, signal: AbortSignal): Promise<SecretObject> {
    return this.#options.api.replace(kinds.secret, object, { fieldManager: OPERATOR_NAME, signal });
  }

  /**
   * By server-side apply, since RBAC can allow that for one name, and a POST only for all. The field manager is one of
   * its own each time: who comes second does not own the fields, and is refused.
   */
  #create(data: SecretData, signal: AbortSignal): Promise<SecretObject> {
    const { apiVersion, kind } = kinds.secret;
    const metadata = { name: this.name, namespace: this.#options.service.namespace, labels: LABELS };
    const object = { apiVersion, kind, metadata, type: 'kubernetes.io/tls', data };
    return this.#options.api.apply(object, { fieldManager: `${OPERATOR_NAME}-${randomUUID()}`, signal });
  }

  #see(data: SecretData | undefined): void {
    const { service, clock, onChange, log } = this.#options;
    const { current } = readContent(data ?? {}, service, clock());
    if (current === undefined) {
      log.warn({ kind: 'Secret', name: this.name }, 'Found no certificate to serve');
    } else if (current.certificate !== this.#pair?.certificate) {
      this.#pair = { certificate: current.certificate, key: current.key };
      onChange(this.#pair);
    }
    for (const listener of this.#listeners) listener();
  }
}
