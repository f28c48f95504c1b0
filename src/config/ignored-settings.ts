import type { ServeConfig, ServeConfigKey } from './serve-config.ts';

/** The source of the MCP server: a module (or the bundled example), a command, or an upstream. */
export type SourceKind = 'module' | 'command' | 'upstream';

/** What decides whether a setting does anything; `source` is `undefined` where it is not known. */
export interface Circumstances extends Partial<Pick<ServeConfig, 'transport' | 'stateless' | 'share'>> {
  readonly source: SourceKind | undefined;
}

/** What makes a setting do nothing: another setting, or the source. */
export type IgnoredBy = 'transport' | 'stateless' | 'share' | 'source';

interface Rule {
  readonly by: IgnoredBy;
  when(circumstances: Circumstances): boolean;
  readonly keys: readonly ServeConfigKey[];
}

const HTTP_ONLY: readonly ServeConfigKey[] = [
  'host',
  'port',
  'adminPort',
  'workers',
  'maxConnections',
  'maxCallDelay',
  'sessionIdleTimeout',
  'parkAfter',
  'maxParked',
  'maxEventLog',
  'evictAfter',
  'maxRequestsPerSession',
  'maxBody',
  'bodyTimeout',
  'maxStreamBuffer',
  'drainDelay',
  'drainWindow',
  'sessionStore',
  'peers',
  'peerPort',
  'peerIdentity',
  'allowedHosts',
  'allowedOrigins',
  'stateless',
];

/** What a session needs that outlives its stream: a HTTP+SSE session can be neither resumed, parked, stored nor left idle. */
const FOR_STREAMABLE_SESSIONS: readonly ServeConfigKey[] = [
  'sessionIdleTimeout',
  'parkAfter',
  'maxParked',
  'maxEventLog',
  'evictAfter',
  'sessionStore',
];

const COMMAND_ONLY: readonly ServeConfigKey[] = [
  'share',
  'warmChildren',
  'startTimeout',
  'silenceTimeout',
  'childMemory',
  'childProcesses',
  'passEnvironment',
];

/** The settings that a source has no use for over HTTP. */
export const ignoredBySource: Readonly<Record<SourceKind, readonly ServeConfigKey[]>> = {
  module: [...COMMAND_ONLY, 'sessions', 'maxMessage', 'upstream'],
  command: ['upstream'],
  upstream: COMMAND_ONLY,
};

/** The first rule that names a setting tells why it is ignored. */
const RULES: readonly Rule[] = [
  {
    by: 'source',
    when: ({ source }) => source === 'module',
    // Lines over stdio have a limit whoever serves them.
    keys: ignoredBySource.module.filter((key) => key !== 'maxMessage'),
  },
  { by: 'source', when: ({ source, transport }) => source === 'module' && transport !== 'stdio', keys: ['maxMessage'] },
  { by: 'source', when: ({ source }) => source === 'command', keys: ignoredBySource.command },
  { by: 'source', when: ({ source }) => source === 'upstream', keys: ignoredBySource.upstream },
  {
    by: 'transport',
    when: ({ transport }) => transport === 'stdio',
    // One client has one session and one process.
    keys: [...HTTP_ONLY, 'sessions', 'share', 'warmChildren'],
  },
  { by: 'transport', when: ({ transport }) => transport === 'sse', keys: [...FOR_STREAMABLE_SESSIONS, 'stateless'] },
  {
    by: 'stateless',
    when: ({ transport, stateless }) => stateless === true && transport === 'streamable-http',
    keys: [...FOR_STREAMABLE_SESSIONS, 'maxRequestsPerSession', 'sessions'],
  },
  {
    by: 'stateless',
    // The sessions that are left are those of HTTP+SSE.
    when: ({ transport, stateless }) => stateless === true && transport === 'http-compat',
    keys: FOR_STREAMABLE_SESSIONS,
  },
  // A shared process is there before its first client anyway.
  { by: 'share', when: ({ share }) => share === true, keys: ['warmChildren'] },
];

/** The settings that do nothing, each with what makes it so: giving one is an error, since it would only mislead. */
export function ignoredSettings(circumstances: Circumstances): ReadonlyMap<ServeConfigKey, IgnoredBy> {
  const ignored = new Map<ServeConfigKey, IgnoredBy>();
  for (const { by, when, keys } of RULES) {
    if (when(circumstances)) for (const key of keys) if (!ignored.has(key)) ignored.set(key, by);
  }
  return ignored;
}
