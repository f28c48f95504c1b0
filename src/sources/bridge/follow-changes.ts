import type { JsonRpcNotification } from '../../protocol/json-rpc.ts';
import type { Notifier } from '../define-server.ts';
import type { RawSession, RawSessionOptions } from './raw-session.ts';

/** What a listener wants to know of (MCP 2026-07-28, `subscriptions/listen`), in so far as it takes an act of ours. */
export interface ChangesFilter {
  readonly resourceSubscriptions?: readonly string[];
}

/** A server that tells of its changes. */
export interface Followed {
  /** Resolves when it is lost and tells of nothing any more, so that whoever listens had better begin anew. */
  readonly ended: Promise<void>;
}

export interface FollowOptions {
  readonly notify: Notifier;
  /** Ends it. */
  readonly gone: AbortSignal;
  open(options: RawSessionOptions): Promise<RawSession>;
}

/**
 * Publishes the changes that a legacy-era server tells of, as long as a listener of the modern era wants to know.
 * Resolves when the server will tell; rejects when it does not want to.
 */
export async function followChanges(
  { resourceSubscriptions = [] }: ChangesFilter,
  { notify, gone, open }: FollowOptions,
): Promise<Followed> {
  const { promise: ended, resolve: onLost } = Promise.withResolvers<void>();
  const session = await open({
    onNotification: (notification) => publish(notification, notify),
    onLost: () => onLost(),
    signal: gone,
  });
  const leave = () => void session.close();
  if (gone.aborted) {
    leave();
    return { ended };
  }
  gone.addEventListener('abort', leave, { once: true });
  try {
    for (const uri of resourceSubscriptions) await session.ask('resources/subscribe', { uri });
  } catch (error) {
    leave();
    throw error;
  }
  return { ended };
}

function publish({ method, params }: JsonRpcNotification, notify: Notifier): void {
  if (method === 'notifications/tools/list_changed') notify.toolsChanged();
  else if (method === 'notifications/prompts/list_changed') notify.promptsChanged();
  else if (method === 'notifications/resources/list_changed') notify.resourcesChanged();
  else if (method === 'notifications/resources/updated') notify.resourceUpdated(String(params?.['uri']));
}
