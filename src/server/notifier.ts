import type { Notifier } from '../sources/define-server.ts';

/** A change that a module published: what legacy sessions are told, and of which resource if it is one. */
export interface Change {
  readonly method: (typeof METHODS)[keyof typeof METHODS];
  readonly uri?: string | undefined;
}

const METHODS = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
  resource: 'notifications/resources/updated',
} as const;

/** What a module publishes its changes with. */
export function createNotifier(publish: (change: Change) => void): Notifier {
  return {
    toolsChanged: () => publish({ method: METHODS.tools }),
    promptsChanged: () => publish({ method: METHODS.prompts }),
    resourcesChanged: () => publish({ method: METHODS.resources }),
    resourceUpdated: (uri) => publish({ method: METHODS.resource, uri }),
  };
}

/** Tells the clients of this process of a change, legacy sessions and modern listeners alike. */
export function tellClients(
  { method, uri }: Change,
  sessions: { notify(method: string, uri?: string): void },
  modern: { readonly notify: Notifier } | undefined,
): void {
  sessions.notify(method, uri);
  if (method === METHODS.tools) modern?.notify.toolsChanged();
  else if (method === METHODS.prompts) modern?.notify.promptsChanged();
  else if (method === METHODS.resources) modern?.notify.resourcesChanged();
  else if (uri !== undefined) modern?.notify.resourceUpdated(uri);
}
