import type { Notifier } from '../sources/define-server.ts';
import type { Session } from './legacy/session.ts';

/** Publishes a module's changes to legacy sessions and modern listeners alike. */
export function createNotifier(
  sessions: Iterable<Session>,
  modern: { readonly notify: Notifier } | undefined,
): Notifier {
  const tellSessions = (method: string, uri?: string) => {
    for (const session of sessions) session.notify(method, uri);
  };
  return {
    toolsChanged() {
      tellSessions('notifications/tools/list_changed');
      modern?.notify.toolsChanged();
    },
    promptsChanged() {
      tellSessions('notifications/prompts/list_changed');
      modern?.notify.promptsChanged();
    },
    resourcesChanged() {
      tellSessions('notifications/resources/list_changed');
      modern?.notify.resourcesChanged();
    },
    resourceUpdated(uri) {
      tellSessions('notifications/resources/updated', uri);
      modern?.notify.resourceUpdated(uri);
    },
  };
}
