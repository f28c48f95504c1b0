import { z } from 'zod';
import {
  connectionCount,
  DEFAULT_MAX_CONNECTIONS,
  type ServeConfig,
  type ServeConfigKey,
  serveConfigKeys,
  serveConfigSchema,
} from '../config/serve-config.ts';
import { size } from '../config/units.ts';
import { commandLine, environmentVariables, objectName, rawList, reachablePort, secretKey } from './fragments.ts';
import { imageValues } from './image-values.ts';

/** What `berth serve` does when it is told nothing. */
export const serveDefaults: ServeConfig = { ...serveConfigSchema.parse({}), maxConnections: DEFAULT_MAX_CONNECTIONS };

/** Settings that a values file has no say in, and why. */
export const notInPods: Readonly<Partial<Record<ServeConfigKey, string>>> = {
  host: 'is set by the image: a pod must listen on all its addresses.',
  workers: 'is for one machine: in a cluster replicas stand in for workers. Give replicas.',
  peers: 'is not for values: pods find each other through the peer Service.',
  peerPort: 'is not for values: it is the same in every pod.',
};

/** A setting of the server that a values file may hold. */
export type Setting = Exclude<ServeConfigKey, 'host' | 'workers' | 'peers' | 'peerPort'>;

/** The settings that a values file may hold in this version. */
export const settings: readonly Setting[] = serveConfigKeys.filter((key): key is Setting => !(key in notInPods));

const ALLOWED_HOSTS = 'Host names to accept beside those of the Service, the ingress and the route; * allows any';

type Shape = typeof serveConfigSchema.shape;
type Given<T> = T extends z.ZodDefault<infer Inner> | z.ZodPrefault<infer Inner> | z.ZodOptional<infer Inner>
  ? Inner
  : T;
type SettingsShape = { readonly [K in Setting]: z.ZodOptional<K extends keyof InPods ? InPods[K] : Given<Shape[K]>> };

/** Settings that take less in a values file than as a flag. */
const inPods = {
  port: reachablePort,
  adminPort: reachablePort,
  maxConnections: connectionCount,
};
type InPods = typeof inPods;

/** What is said otherwise of settings that mean something else, or less, there. */
const DESCRIPTIONS: Readonly<Partial<Record<Setting, string>>> = {
  allowedHosts: ALLOWED_HOSTS,
  maxConnections: 'connections that one pod holds at most; a number, not auto',
};

/** The text or number that stands for a setting's default in a values file, if it has one. */
export function defaultOf(key: Setting): unknown {
  const field: z.ZodType = serveConfigSchema.shape[key];
  return field instanceof z.ZodDefault || field instanceof z.ZodPrefault ? field.def.defaultValue : undefined;
}

/** Without its default: the charts pass on what was given, and leave the rest to the server. */
function settingSchema(key: Setting): z.ZodType {
  const field: z.ZodType = serveConfigSchema.shape[key];
  const wrapped = field instanceof z.ZodDefault || field instanceof z.ZodPrefault || field instanceof z.ZodOptional;
  const inner = key in inPods ? inPods[key as keyof InPods] : wrapped ? (field.unwrap() as z.ZodType) : field;
  const description = DESCRIPTIONS[key] ?? field.description ?? key;
  // The charts know most names already, so that what is given adds to them.
  const fallback = key === 'allowedHosts' ? undefined : defaultOf(key);
  return inner.optional().meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });
}

const settingsShape = Object.fromEntries(settings.map((key) => [key, settingSchema(key)])) as unknown as SettingsShape;

/** What runs in the container: the settings of `berth serve`, and what the container sees around it. */
export const serverValues = z.strictObject({
  source: z
    .string()
    .min(1)
    .regex(/^[^-]/, 'must be the path of a module in the image')
    .optional()
    .describe('path of a module in the image; the bundled example server if not set'),
  command: commandLine
    .min(1)
    .optional()
    .describe('a program that speaks MCP over stdio, and its arguments, in place of a module'),
  commandImage: imageValues
    .optional()
    .describe('the image that has the command, to which berth is added (glibc only, not Alpine); image if not set'),
  scratchSize: size('1MiB', '1024GiB')
    .optional()
    .describe('how much a command may write to its home, and how much to /tmp; no limit if not set'),
  ...settingsShape,
  sessionStoreSecret: z
    .strictObject({
      name: objectName.describe('name of a Secret that holds the address of the session store'),
      key: secretKey.describe('key of the address in the Secret'),
    })
    .optional()
    .describe('where the address of the session store is, in place of server.sessionStore'),
  env: environmentVariables.default([]).describe('environment variables of the container, as Kubernetes has them'),
  envFrom: rawList.default([]).describe('ConfigMaps and Secrets to take environment variables from'),
  volumes: rawList.default([]).describe('volumes of the pod'),
  volumeMounts: rawList.default([]).describe('where the container mounts them'),
});

/** The `server` part of validated values; a setting is there only when it was given. */
export type ServerValues = z.output<typeof serverValues>;

/** The settings that the pods run with: what was given, and the defaults for the rest. */
export function effectiveSettings(server: ServerValues): ServeConfig {
  const given = settings.flatMap((key) => (server[key] === undefined ? [] : [[key, server[key]]]));
  return { ...serveDefaults, ...Object.fromEntries(given) };
}
