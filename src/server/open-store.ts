import type { ServeConfig } from '../config/serve-config.ts';
import type { SessionStore } from '../stores/session-store.ts';
import type { Sessions } from './legacy/sessions.ts';
import type { Log } from './log.ts';

export interface OpenStoreOptions {
  readonly config: Pick<ServeConfig, 'sessionStore' | 'sessionIdleTimeout'>;
  /** Sets the sessions of this fleet apart from others in the same store. */
  readonly fleet: string;
  readonly owner: string;
  /** Nothing while the server is being put together. */
  readonly sessions: () => Sessions | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The store that the settings name, and its library; nothing for `memory`. */
export async function openStore(options: OpenStoreOptions): Promise<SessionStore | undefined> {
  const { config, fleet, owner, sessions, log, signal } = options;
  if (config.sessionStore === 'memory') return undefined;
  const { createRedisStore } = await import('../stores/redis-store.ts');
  return await createRedisStore({
    url: config.sessionStore,
    fleet,
    owner,
    idleTimeout: config.sessionIdleTimeout,
    held: () => sessions()?.storable() ?? [],
    superseded: (id) => sessions()?.supersede(id),
    log,
    signal,
  });
}
