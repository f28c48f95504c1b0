import type { Call, Calls } from './calls.ts';
import { attemptOf } from './exchange.ts';
import type { Kind } from './kinds.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import { collectionPath, type Selection, withQuery } from './object-path.ts';
import { type WatchEvent, watchEvents } from './watch-stream.ts';

export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
}

export interface WatchLimits {
  /** Seconds that a watch is asked to last, at least and at most. */
  readonly watchSeconds: readonly [number, number];
  /** Milliseconds after which a watch is cut that the server should have ended. */
  readonly watchGraceMs: number;
}

/** One watch, from its request to its end: the server's, the reader's, or ours when it lasts longer than it may. */
export async function* watch<T extends KubeObject>(
  calls: Calls,
  kind: Kind,
  options: WatchOptions,
  { watchSeconds: [least, most], watchGraceMs }: WatchLimits,
): AsyncGenerator<WatchEvent<T>> {
  const { namespace, labelSelector, fieldSelector, resourceVersion, signal } = options;
  if (signal.aborted) return;
  // Spread, so that watches that began together do not come back together.
  const timeoutSeconds = Math.floor(least + Math.random() * (most - least + 1));
  const path = withQuery(collectionPath(kind, namespace), {
    watch: true,
    allowWatchBookmarks: true,
    timeoutSeconds,
    resourceVersion,
    labelSelector,
    fieldSelector,
  });
  const call = { verb: 'watch', plural: kind.plural, method: 'GET', path } satisfies Call;
  const attempt = attemptOf({ method: 'WATCH', path });

  const cut = new AbortController();
  const leave = () => cut.abort(signal.reason);
  const timer = setTimeout(
    () => {
      const found = `the server did not end it after ${timeoutSeconds} s`;
      cut.abort(new KubeError(`${attempt}: ${found}`, { status: 0, reason: 'TimedOut' }));
    },
    timeoutSeconds * 1_000 + watchGraceMs,
  );
  signal.addEventListener('abort', leave, { once: true });
  try {
    const body = await calls.stream({ ...call, signal: cut.signal });
    yield* watchEvents<T>(body, attempt);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', leave);
  }
}
