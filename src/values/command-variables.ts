import { environmentName } from '../config/serve-config.ts';
import { HOME_FOLDER } from './pod-parts.ts';
import type { Values } from './schema.ts';

interface Variable {
  readonly name: string;
  readonly value: string;
}

const home = HOME_FOLDER.mountPath;

/** Where a command may write: its home, and in it the caches of npx and uvx, whatever its image says of them. */
const OF_COMMANDS: readonly Variable[] = [
  { name: 'HOME', value: home },
  { name: 'XDG_CACHE_HOME', value: `${home}/.cache` },
  { name: 'UV_CACHE_DIR', value: `${home}/.cache/uv` },
  { name: 'npm_config_cache', value: `${home}/.cache/npm` },
];

/** What berth's own image says, and another one does not. */
const OF_BERTHS_IMAGE: readonly Variable[] = [{ name: environmentName('host'), value: '0.0.0.0' }];

/** The variables that the charts set for a command, but for those that the user sets. */
export function commandVariables({ server }: Pick<Values, 'server'>): readonly Variable[] {
  const set = new Set(server.env.map(({ name }) => name));
  const own = [
    ...(server.commandImage === undefined ? [] : OF_BERTHS_IMAGE),
    ...(server.command === undefined ? [] : OF_COMMANDS),
  ];
  return own.filter(({ name }) => !set.has(name));
}

/** Whether a variable has a value that only makes sense in a container, and not on the machine of `berth up`. */
export function isOfImage(name: string, value: string): boolean {
  return [...OF_BERTHS_IMAGE, ...OF_COMMANDS].some((own) => own.name === name && own.value === value);
}
