import type { JsonRpcNotification } from '../../protocol/json-rpc.ts';
import type { Notifier } from '../define-server.ts';
import type { RawSession, RawSessionOptions } from './raw-session.ts';

/** What a listener wants to know of (MCP 2026-07-28, `subscriptions/listen`), in so far as it takes an act of ours. */
export interface ChangesFilter {
  readonly resourceSubscriptions?: readonly string[];
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
): Promise<void> {
  const session = await open({ onNotification: (notification) => publish(notification, notify) });
  const leave = () => void session.close();
  if (gone.aborted) return leave();
  gone.addEventListener('abort', leave, { once: true });
  try {
    for (const uri of resourceSubscriptions) await session.ask('resources/subscribe', { uri });
  } catch (error) {
    leave();
    throw error;
  }
}

function publish({ method, params }: JsonRpcNotification, notify: Notifier): void {
  if (method === 'notifications/tools/list_changed') notify.toolsChanged();
  else if (method === 'notifications/prompts/list_changed') notify.promptsChanged();
  else if (method === 'notifications/resources/list_changed') notify.resourcesChanged();
  else if (method === 'notifications/resources/updated') notify.resourceUpdated(String(params?.['uri']));
}
