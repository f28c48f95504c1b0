import { Calls, type ObservedCall } from './calls.ts';
import type { Connection } from './connection.ts';
import { Discovery } from './discovery.ts';
import { type Kind, kindOf } from './kinds.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import { collectionPath, objectPath, type Ref, requiredNamespace, type Selection, withQuery } from './object-path.ts';
import { type WatchLimits, type WatchOptions, watch } from './watch.ts';
import type { WatchEvent } from './watch-stream.ts';

export type { Ref, Selection } from './object-path.ts';
export type { WatchEvent } from './watch-stream.ts';

export interface KubeApiOptions extends Partial<WatchLimits> {
  readonly connection: Connection;
  /** Called for every request, also for each page of a list. */
  readonly observe?: (call: ObservedCall) => void;
}

interface Named {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}

/** An object, or a part of one, as a typed object or as a literal with any fields. */
export type Applicable =
  | Named
  | (Named & { metadata: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>);

interface Asked {
  readonly signal?: AbortSignal | undefined;
}

interface Written extends Asked {
  readonly dryRun?: boolean | undefined;
}

/** Some of the objects of a kind; the resource version is that of all of them together. */
export interface Page<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

interface ListAnswer<T> {
  readonly items?: T[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

const PAGE_SIZE = 500;
/** How often a list is begun anew whose resource version expired between two pages. */
const MOST_BEGINNINGS = 4;
const APPLY_TYPE = 'application/apply-patch+yaml';
const MERGE_TYPE = 'application/merge-patch+json';

/** What berth asks of an API server. Objects pass through untouched. Rejects with a `KubeError`, once aborted with the signal's reason. */
export class KubeApi {
  readonly #calls: Calls;
  readonly #discovery: Discovery;
  readonly #connection: Connection;
  readonly #limits: WatchLimits;

  constructor({ connection, observe, watchSeconds = [240, 300], watchGraceMs = 10_000 }: KubeApiOptions) {
    this.#connection = connection;
    this.#calls = new Calls(connection, observe);
    this.#discovery = new Discovery(this.#calls);
    this.#limits = { watchSeconds, watchGraceMs };
  }

  /** `undefined` when there is no such object. */
  async get<T extends KubeObject>(ref: Ref, { signal }: Asked = {}): Promise<T | undefined> {
    const call = { verb: 'get', plural: ref.kind.plural, method: 'GET', path: objectPath(ref), signal };
    return await unlessStatus(404, this.#calls.json<T>(call));
  }

  /** All objects, as they were at one moment. Throws a `KubeError` 404 where there is no such kind. */
  async list<T extends KubeObject>(kind: Kind, selection: Selection & Asked = {}): Promise<Page<T>> {
    for (let beginnings = 1; ; beginnings++) {
      try {
        const items: T[] = [];
        let resourceVersion = '';
        for await (const page of this.pages<T>(kind, selection)) {
          items.push(...page.items);
          resourceVersion = page.resourceVersion;
        }
        return { items, resourceVersion };
      } catch (error) {
        if (!(error instanceof KubeError && error.status === 410) || beginnings >= MOST_BEGINNINGS) throw error;
      }
    }
  }

  /**
   * The same 500 at a time, for those who keep little of each, or fewer where they are so large that the answer would be
   * too long; a 410 in the middle is thrown.
   */
  async *pages<T extends KubeObject>(kind: Kind, selection: Selection & Asked = {}): AsyncGenerator<Page<T>> {
    const { apiVersion, kind: name } = kind;
    let limit = PAGE_SIZE;
    let next: string | undefined;
    do {
      const page = await this.#page<T>(kind, selection, limit, next);
      const { items, metadata } = page.answer;
      // Items of a list do not say what they are.
      const named = (items ?? []).map((item) => ({ ...item, apiVersion, kind: name }));
      yield { items: named, resourceVersion: metadata?.resourceVersion ?? '' };
      next = metadata?.continue;
      // Stays as small for the rest of the list: where a few are that large, more may be.
      limit = page.limit;
    } while (next);
  }

  /** One page from a place on, with half as many objects again and again while the answer is longer than it may be. */
  async #page<T>(
    kind: Kind,
    { namespace, labelSelector, fieldSelector, signal }: Selection & Asked,
    most: number,
    from: string | undefined,
  ): Promise<{ readonly answer: ListAnswer<T>; readonly limit: number }> {
    const { plural } = kind;
    for (let limit = most; ; limit = Math.floor(limit / 2)) {
      // Without a resource version: the newest there is, never what a cache that lags behind remembers.
      const query = { limit, labelSelector, fieldSelector, continue: from };
      const path = withQuery(collectionPath(kind, namespace), query);
      try {
        const answer = await this.#calls.json<ListAnswer<T>>({ verb: 'list', plural, method: 'GET', path, signal });
        return { answer, limit };
      } catch (error) {
        if (!(error instanceof KubeError && error.reason === 'TooLarge') || limit === 1) throw error;
      }
    }
  }

  /**
   * What changes from a resource version on. Ends when the server ends it, after four to five minutes, or when aborted.
   * Throws a `KubeError`: 410 when the resource version is too old, 0 when the connection broke or stayed open too long.
   */
  async *watch<T extends KubeObject>(kind: Kind, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    yield* watch<T>(this.#calls, kind, options, this.#limits);
  }

  /** Server-side apply: what this manager applied before and leaves out now is taken away. */
  async apply<T extends KubeObject>(
    object: Applicable,
    options: Written & { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: string },
  ): Promise<T> {
    const { fieldManager, force, subresource, dryRun, signal } = options;
    const kind = await this.kindOf(object.apiVersion, object.kind, { signal });
    const ref = { kind, namespace: object.metadata.namespace, name: object.metadata.name };
    const path = withQuery(objectPath(ref, subresource), { fieldManager, force, ...dryRunQuery(dryRun) });
    const { plural } = kind;
    return await this.#calls.json<T>({
      verb: 'apply',
      plural,
      method: 'PATCH',
      path,
      body: object,
      contentType: APPLY_TYPE,
      signal,
    });
  }

  /** Rejects with a `KubeError` 409 `AlreadyExists` when there is one of that name. */
  async create<T>(kind: Kind, object: object, options: Written & { readonly namespace?: string } = {}): Promise<T> {
    const { dryRun, signal } = options;
    const { metadata } = object as Partial<KubeObject>;
    const namespace = requiredNamespace(kind, options.namespace ?? metadata?.namespace, metadata?.name ?? 'to create');
    const path = withQuery(collectionPath(kind, namespace), dryRunQuery(dryRun));
    const { plural } = kind;
    return await this.#calls.json<T>({ verb: 'create', plural, method: 'POST', path, signal, body: object });
  }

  /** Rejects with a `KubeError` 409 `Conflict` when it was changed since the object's resource version. */
  async replace<T extends KubeObject>(
    kind: Kind,
    object: T,
    options: Written & { readonly fieldManager?: string; readonly subresource?: string } = {},
  ): Promise<T> {
    const { fieldManager, subresource, dryRun, signal } = options;
    const { namespace, name } = object.metadata;
    const query = { fieldManager, ...dryRunQuery(dryRun) };
    const path = withQuery(objectPath({ kind, namespace, name }, subresource), query);
    const { plural } = kind;
    return await this.#calls.json<T>({ verb: 'update', plural, method: 'PUT', path, signal, body: object });
  }

  /** JSON merge patch: `null` takes a field away, lists are replaced. */
  async mergePatch<T>(
    ref: Ref,
    patch: object,
    options: Written & { readonly fieldManager: string; readonly subresource?: string },
  ): Promise<T> {
    const { fieldManager, subresource, dryRun, signal } = options;
    const path = withQuery(objectPath(ref, subresource), { fieldManager, ...dryRunQuery(dryRun) });
    const { plural } = ref.kind;
    return await this.#calls.json<T>({
      verb: 'patch',
      plural,
      method: 'PATCH',
      path,
      body: patch,
      contentType: MERGE_TYPE,
      signal,
    });
  }

  /** False when it was not there, or another one with its name was (a 409 when a `uid` is asked for). */
  async delete(ref: Ref, { uid, signal }: Asked & { readonly uid?: string } = {}): Promise<boolean> {
    const precondition = uid === undefined ? {} : { preconditions: { uid } };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...precondition };
    const { plural } = ref.kind;
    const call = { verb: 'delete', plural, method: 'DELETE', path: objectPath(ref), signal, body };
    const deleted = unlessStatus(404, this.#calls.json(call));
    return (await (uid === undefined ? deleted : unlessStatus(409, deleted))) !== undefined;
  }

  /** The answer to a GET, whatever its status. */
  async raw(
    path: string,
    { signal, headers = {} }: Asked & { readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<{ status: number; body: string }> {
    const answer = await this.#calls.text({ verb: 'get', plural: '', method: 'GET', path, headers, signal });
    return { status: answer.status, body: answer.body };
  }

  /** The kind of any object; the server is asked, once, about those that berth does not know. */
  async kindOf(apiVersion: string, kind: string, { signal }: Asked = {}): Promise<Kind> {
    return kindOf(apiVersion, kind) ?? (await this.#discovery.find(apiVersion, kind, signal));
  }

  /** Closes the sockets that are kept. */
  close(): void {
    this.#connection.close();
  }
}

function dryRunQuery(dryRun: boolean | undefined): { dryRun?: string } {
  return dryRun === true ? { dryRun: 'All' } : {};
}

async function unlessStatus<T>(status: number, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubeError && error.status === status) return undefined;
    throw error;
  }
}
