import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import { type Kind, kinds } from '../../kube/kinds.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { Identity } from './request-header.ts';
import type { MetricPath } from './route.ts';
import { GROUP } from './served-metrics.ts';
import { internalError, StatusError, serviceUnavailable } from './status.ts';

/** What of an API server is needed to ask it who may do what. */
export interface AccessReviews {
  create(kind: Kind, object: object, options: { readonly signal: AbortSignal }): Promise<unknown>;
}

export interface AuthorizerOptions {
  readonly api: AccessReviews;
  readonly log: Logger;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Ends what is being asked. */
  readonly signal: AbortSignal;
}

/** Lets a caller through to a metric, or rejects with a `StatusError`: 403, or 500 and 503 when that can not be found out. */
export type Authorize = (identity: Identity, path: MetricPath) => Promise<void>;

interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** As Go servers do, for both answers. */
const REMEMBERED_MS = 10_000;
const MOST_REMEMBERED = 1_000;
const LONGEST_REVIEW_MS = 10_000;
/** Whom nothing is refused. */
const SUPERUSERS = 'system:masters';

/** Asks the API server for each caller and metric, and remembers the answers for 10 s; the same questions are one. */
export function createAuthorizer({ api, log, clock, signal }: AuthorizerOptions): Authorize {
  /** Oldest first. */
  const remembered = new Map<string, Decision & { readonly until: number }>();
  const asked = new Map<string, Promise<Decision>>();

  const remember = (key: string, decision: Decision) => {
    const now = clock();
    for (const [old, { until }] of remembered) {
      if (until > now && remembered.size < MOST_REMEMBERED) break;
      remembered.delete(old);
    }
    remembered.set(key, { ...decision, until: now + REMEMBERED_MS });
  };

  const review = async (key: string, spec: object): Promise<Decision> => {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_REVIEW_MS)]);
      const object = { apiVersion: kinds.subjectAccessReview.apiVersion, kind: kinds.subjectAccessReview.kind, spec };
      const decision = decisionIn(await api.create(kinds.subjectAccessReview, object, { signal: limit }));
      remember(key, decision);
      return decision;
    } catch (error) {
      log.warn({ err: error }, 'Failed to review access');
      throw error;
    }
  };

  const decide = async (identity: Identity, attributes: object): Promise<Decision> => {
    const spec = { resourceAttributes: attributes, ...identity };
    // Groups and extra may be as long as headers may.
    const key = hash('sha256', JSON.stringify(spec));
    const known = remembered.get(key);
    if (known !== undefined && known.until > clock()) return known;
    const others = asked.get(key);
    if (others !== undefined) return await others;
    const ours = review(key, spec).finally(() => asked.delete(key));
    asked.set(key, ours);
    return await ours;
  };

  return async function authorize(identity, path) {
    if (identity.groups.includes(SUPERUSERS)) return;
    const attributes = attributesOf(path);
    const { allowed, reason } = await decide(identity, attributes).catch((error: unknown) => {
      throw failure(error);
    });
    if (!allowed) throw forbidden(identity, attributes, reason);
  };
}

type Attributes = ReturnType<typeof attributesOf>;

/** What Kubernetes makes of such a path: the metric is a subresource. */
function attributesOf({ version, namespace, served, name }: MetricPath) {
  return { namespace, verb: 'get', group: GROUP, version, resource: served.resource, subresource: served.metric, name };
}

function decisionIn(review: unknown): Decision {
  const { status } = (review ?? {}) as { readonly status?: { readonly allowed?: unknown; readonly reason?: unknown } };
  if (typeof status?.allowed !== 'boolean') throw new TypeError('The access review came back without a status');
  return { allowed: status.allowed, reason: typeof status.reason === 'string' ? status.reason : '' };
}

/** An API server that is away or overloaded may be asked again; one that refuses to say will go on refusing. */
function failure(error: unknown): StatusError {
  const message = 'the API server could not be asked whether this is allowed';
  const passing = error instanceof KubeError && (error.status === 0 || error.status === 429 || error.status >= 500);
  const timeout = error instanceof DOMException;
  return passing || timeout ? serviceUnavailable(message, { cause: error }) : internalError(message, { cause: error });
}

function forbidden({ user }: Identity, attributes: Attributes, reason: string): StatusError {
  const { namespace, verb, group, resource, subresource, name } = attributes;
  const what = `cannot ${verb} resource "${resource}/${subresource}" in API group "${group}" in the namespace`;
  // Kubernetes writes nothing into an answer that could be read as HTML.
  const sentence = `User ${JSON.stringify(user)} ${what} ${JSON.stringify(namespace)}`.replace(
    /[&<>]/g,
    (c) => ESCAPES[c] ?? c,
  );
  const message = `${resource}.${group} ${JSON.stringify(name)} is forbidden: ${sentence}${reason && `: ${reason}`}`;
  return new StatusError({ code: 403, reason: 'Forbidden', message, details: { name, group, kind: resource } });
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
