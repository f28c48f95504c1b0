import type { Calls } from './calls.ts';
import type { Kind } from './kinds.ts';
import { KubeError } from './kube-error.ts';

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Finds out the paths of kinds that are not in our table: objects that users add to a fleet may be of any. */
export class Discovery {
  readonly #calls: Calls;
  /** Kinds that were found; those that were not are asked for again, since they may be installed any time. */
  readonly #known = new Map<string, Kind>();

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Rejects with a `KubeError` 404 where there is no such kind. */
  async find(apiVersion: string, kind: string, signal?: AbortSignal): Promise<Kind> {
    const key = `${apiVersion} ${kind}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const list = await this.#calls.json<ResourceList>({ verb: 'get', plural: '', method: 'GET', path, signal });
    const found = list.resources?.find((resource) => resource.kind === kind && !resource.name.includes('/'));
    if (found === undefined) {
      const names = (list.resources ?? []).map((resource) => resource.kind).join(', ');
      const message = `GET ${path}: there is no ${kind} among ${names || 'nothing'}`;
      throw new KubeError(message, { status: 404, reason: 'NotFound' });
    }
    const { name: plural, namespaced } = found;
    const read = { apiVersion, kind, plural, namespaced };
    this.#known.set(key, read);
    return read;
  }
}
