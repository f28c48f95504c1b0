import type { JsonRpcNotification } from '../protocol/json-rpc.ts';
import type { Notifier } from '../sources/define-server.ts';

/** A change that a module published: what legacy sessions are told, and of which resource if it is one. */
export interface Change {
  /** Unique in the fleet. */
  readonly id: string;
  readonly method: (typeof METHODS)[keyof typeof METHODS];
  readonly uri?: string | undefined;
}

const METHODS = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
  resource: 'notifications/resources/updated',
} as const;

/** What a module publishes its changes with; `origin` is unique to this process. */
export function createNotifier(origin: string, publish: (change: Change) => void): Notifier {
  let last = 0;
  const send = (method: Change['method'], uri?: string) => publish({ id: `${origin}:${++last}`, method, uri });
  return {
    toolsChanged: () => send(METHODS.tools),
    promptsChanged: () => send(METHODS.prompts),
    resourcesChanged: () => send(METHODS.resources),
    resourceUpdated: (uri) => send(METHODS.resource, uri),
  };
}

/** A change as a legacy session's client is told of it. */
export function notificationOf({ method, uri }: Change): JsonRpcNotification {
  return { jsonrpc: '2.0', method, ...(uri !== undefined && { params: { uri } }) };
}

/** Tells the clients of this process of a change, legacy sessions and modern listeners alike. */
export function tellClients(
  change: Change,
  sessions: { notify(change: Change): void },
  modern: { readonly notify: Notifier } | undefined,
): void {
  const { method, uri } = change;
  sessions.notify(change);
  if (method === METHODS.tools) modern?.notify.toolsChanged();
  else if (method === METHODS.prompts) modern?.notify.promptsChanged();
  else if (method === METHODS.resources) modern?.notify.resourcesChanged();
  else if (uri !== undefined) modern?.notify.resourceUpdated(uri);
}

/** Reads a change as another pod wrote it; nothing when it is none. */
export function readChange(text: string): Change | undefined {
  try {
    return changeIn(JSON.parse(text));
  } catch {
    // Somebody else wrote it: the store is not ours alone.
    return undefined;
  }
}

/** A change that another pod told of; nothing when it is one of another version, or none. */
export function changeIn(told: unknown): Change | undefined {
  const { id, method, uri } = (told ?? {}) as Partial<Change>;
  const known = Object.values(METHODS).some((one) => one === method);
  return known && typeof id === 'string' && method !== undefined ? { id, method, uri } : undefined;
}
