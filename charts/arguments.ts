import { flagName } from '../src/config/serve-config.ts';
import { formatDuration, formatSize, parseDuration, parseSize } from '../src/config/units.ts';
import type { Values } from '../src/values/schema.ts';
import { defaultOf, type Setting, settings } from '../src/values/server-values.ts';
import { allowedHosts } from './allowed-hosts.ts';
import { peerServiceName } from './names.ts';

/** The container's arguments: `serve`, the source, what was given, and what only the charts can know. */
export function serveArguments(values: Values): string[] {
  const { server, sidecar } = values;
  const flags = settings.flatMap((key) => {
    const value = key === 'allowedHosts' ? allowedHosts(values) : server[key];
    if (value === undefined || value === false || isInSecret(key, values)) return [];
    if (value === true) return [flagName(key)];
    return [`${flagName(key)}=${spell(key, value)}`];
  });
  // One pod has peers too: its successor in a rollout, its replacement in an eviction.
  const peers = `${flagName('peers')}=${peerServiceName(values)}`;
  return [
    'serve',
    ...(server.source === undefined ? [] : [server.source]),
    peers,
    ...(sidecar === undefined ? [] : [`${flagName('upstream')}=http://127.0.0.1:${sidecar.port}${sidecar.path}`]),
    ...flags,
    ...(server.command === undefined ? [] : ['--', ...server.command]),
  ];
}

/** A flag would win over the variable that the Secret fills. */
const isInSecret = (key: Setting, { server }: Values) =>
  key === 'sessionStore' && server.sessionStoreSecret !== undefined;

/** How a setting could be written that has a unit and no default. */
const WITHOUT_DEFAULT: Readonly<Partial<Record<Setting, string>>> = { childMemory: '512MiB' };

/** Validated durations and sizes are numbers; how their default is written says which unit they are in. */
function spell(key: Setting, value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  const written = defaultOf(key) ?? WITHOUT_DEFAULT[key];
  if (typeof value !== 'number' || typeof written !== 'string') return String(value);
  if (parseDuration(written) !== undefined) return formatDuration(value);
  return parseSize(written) === undefined ? String(value) : formatSize(value);
}
