import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { fromText } from './from-text.ts';
import { type Circumstances, type IgnoredBy, ignoredSettings, type SourceKind } from './ignored-settings.ts';
import { didYouMean, problemsOf, UsageError } from './problems.ts';
import {
  type AskedConfig,
  environmentName,
  flagName,
  type ServeConfig,
  type ServeConfigKey,
  serveConfigKeys,
  serveConfigSchema,
} from './serve-config.ts';

export interface ConfigSources {
  /** What was given on the command line, by key. */
  readonly flags: Readonly<Partial<Record<ServeConfigKey, string | true>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a YAML file whose keys are those of the configuration. */
  readonly file?: string | undefined;
  /** What is to be served, as far as the settings do not say. */
  readonly source?: Exclude<SourceKind, 'upstream'>;
}

/** A setting as it was given, and the name that the person who gave it knows it by. */
interface Given {
  readonly value: unknown;
  readonly name: string;
  readonly from: 'flag' | 'environment' | 'file';
}

const DEFAULTS = serveConfigSchema.parse({});

/** Reads the configuration once: flags before environment before file. Throws a UsageError with every problem. */
export function readAskedConfig({ flags, environment, file, source = 'module' }: ConfigSources): AskedConfig {
  const problems: string[] = unknownVariables(environment);
  const given = new Map<ServeConfigKey, Given>();
  for (const [key, value] of Object.entries(file === undefined ? {} : readFile(file))) {
    if (isKey(key)) given.set(key, { value, name: `${key} in ${file}`, from: 'file' });
    else problems.push(`${key} in ${file} is not known.${didYouMean(key, serveConfigKeys)}`);
  }
  for (const key of serveConfigKeys) {
    const name = environmentName(key);
    const text = environment[name];
    if (text !== undefined && !isServiceLink(name, text)) {
      given.set(key, { value: fromText(serveConfigSchema.shape[key], text), name, from: 'environment' });
    }
    const flag = flags[key];
    if (flag !== undefined)
      given.set(key, {
        value: flag === true ? true : fromText(serveConfigSchema.shape[key], flag),
        name: flagName(key),
        from: 'flag',
      });
  }

  const input = Object.fromEntries([...given].map(([key, { value }]) => [key, value]));
  const parsed = serveConfigSchema.safeParse(input);
  if (!parsed.success) {
    for (const { path, message } of problemsOf(parsed.error, input, () => serveConfigKeys)) {
      problems.push(`${given.get(path.split('.')[0] as ServeConfigKey)?.name ?? path} ${message}`);
    }
  }
  // What is wrong elsewhere does not hide a setting that does nothing.
  const { transport, stateless, share }: Partial<Circumstances> = parsed.data ?? { ...DEFAULTS, ...input };
  const kind = source === 'module' && given.has('upstream') ? 'upstream' : source;
  const ignored = ignoredSettings({ transport, stateless, share, source: kind } as Circumstances);
  const because: Readonly<Record<IgnoredBy, string>> = {
    transport: `with --transport ${transport}`,
    stateless: 'with --stateless',
    share: 'with --share',
    source: `when berth serves ${KINDS[kind]}`,
  };
  for (const [key, by] of ignored) {
    const setting = given.get(key);
    // Variables may come with the image and are left.
    if (setting !== undefined && setting.from !== 'environment') {
      problems.push(`${setting.name} has no effect ${because[by]}.`);
    }
  }
  const matter = (...keys: readonly ServeConfigKey[]) => !keys.some((key) => ignored.has(key));
  const { port, adminPort, workers, peers } = parsed.data ?? DEFAULTS;
  if (matter('port', 'adminPort') && port !== 0 && port === adminPort) {
    problems.push(`--port and --admin-port are both ${port}. They must differ.`);
  }
  if (matter('workers', 'peers') && workers > 1 && peers.length > 0) {
    problems.push(
      `--workers is ${workers} and --peers is given, but workers are peers of each other only. Start one process per peer.`,
    );
  }
  if (problems.length > 0 || !parsed.success) throw new UsageError(problems);
  return parsed.data;
}

/** The same for those who start a server themselves, without the measuring that `--max-connections auto` is. */
export function readServeConfig(sources: ConfigSources): ServeConfig {
  const { maxConnections, ...config } = readAskedConfig(sources);
  if (maxConnections !== 'auto') return { ...config, maxConnections };
  throw new UsageError(['--max-connections must be a number here. Got auto, which berth serve alone works out.']);
}

function readFile(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'), { version: '1.1' });
  } catch (error) {
    throw new UsageError([`--config ${path} could not be read: ${error instanceof Error ? error.message : error}`]);
  }
  if (content === null || content === undefined) return {};
  if (typeof content === 'object' && !Array.isArray(content)) return content as Record<string, unknown>;
  throw new UsageError([`--config ${path} must hold a map of settings. Got ${JSON.stringify(content).slice(0, 80)}.`]);
}

const isKey = (key: string): key is ServeConfigKey => (serveConfigKeys as readonly string[]).includes(key);

/** Kubernetes sets such variables for a Service that is called `berth`, unless the pod says no to service links. */
function isServiceLink(name: string, value: string): boolean {
  return /^BERTH_(SERVICE_|PORT_\d+_)/.test(name) || (name === 'BERTH_PORT' && /^(tcp|udp|sctp):\/\//.test(value));
}

function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  // BERTH_VALUES is for whoever runs `cdk8s synth` in the same shell; BERTH_CHILD marks what another berth has started.
  const known = [...serveConfigKeys.map(environmentName), 'BERTH_CONFIG', 'BERTH_VALUES', 'BERTH_CHILD'];
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith('BERTH_') && !known.includes(name) && !isServiceLink(name, value ?? ''))
    .map(([name]) => `${name} is not known.${didYouMean(name, known)}`);
}

const KINDS: Readonly<Record<SourceKind, string>> = {
  module: 'a module',
  command: 'a command',
  upstream: 'an upstream',
};
