import { z } from 'zod';
import { fromText } from './from-text.ts';
import { problemsOf, UsageError } from './problems.ts';
import { environmentName, flagName, serveConfigSchema } from './serve-config.ts';
import { duration, port } from './units.ts';

const { host, adminPort, logLevel, logFormat } = serveConfigSchema.shape;

/** Everything that `berth operator` can be told; names are made as for `berth serve`. */
export const operatorConfigSchema = z.strictObject({
  namespaces: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: small letters, digits and -')
        .max(63),
    )
    .default([])
    .describe('namespaces whose fleets it looks after; those of the whole cluster if not set'),
  host,
  adminPort: adminPort.describe('port for its own metrics and probes'),
  metricsPort: port.default(8443).describe('port for custom.metrics.k8s.io'),
  scrapeInterval: duration('500ms', '10s').prefault('2s').describe('how often each pod is asked for its connections'),
  logLevel,
  logFormat,
});

/** The validated configuration of an operator: durations in milliseconds. */
export type OperatorConfig = Readonly<z.output<typeof operatorConfigSchema>>;
export type OperatorConfigKey = keyof OperatorConfig;

const keys = Object.keys(operatorConfigSchema.shape) as readonly OperatorConfigKey[];

/** Reads the configuration once: flags before environment. Throws a UsageError with every problem. */
export function readOperatorConfig(
  flags: Readonly<Partial<Record<OperatorConfigKey, string>>>,
  environment: Readonly<Record<string, string | undefined>>,
): OperatorConfig {
  const given = keys.flatMap((key) => {
    const text = flags[key] ?? environment[environmentName(key)];
    return text === undefined ? [] : [[key, fromText(operatorConfigSchema.shape[key], text)] as const];
  });
  const input = Object.fromEntries(given);
  const { success, data, error } = operatorConfigSchema.safeParse(input);
  if (success) return data;
  const named = (path: string) => {
    const [key = ''] = path.split('.');
    return flags[key as OperatorConfigKey] === undefined ? environmentName(key) : flagName(key);
  };
  throw new UsageError(problemsOf(error, input, () => keys).map(({ path, message }) => `${named(path)} ${message}`));
}
