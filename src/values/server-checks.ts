import { environmentName, ignoredBy } from '../config/serve-config.ts';
import { type Check, when } from './check.ts';
import { effectiveSettings, notInPods, serveDefaults, settings } from './server-values.ts';

/** The port that pods of one fleet talk to each other on. */
export const PEER_PORT = serveDefaults.peerPort;

/** The name of the container that serves MCP. */
export const CONTAINER_NAME = 'berth';

/** The variable that the charts set so that arguments can name the pod's namespace. */
export const NAMESPACE_VARIABLE = 'POD_NAMESPACE';

/** The variable by which a pod knows the address that its peers call. */
export const IP_VARIABLE = 'POD_IP';

/** The variable by which a pod knows its generation. */
export const TEMPLATE_VARIABLE = 'POD_TEMPLATE_HASH';

/** Variables that are not the user's, and why. Another host is: `::` is needed where there is only IPv6. */
const TAKEN_VARIABLES: ReadonlyMap<string, string | undefined> = new Map([
  [NAMESPACE_VARIABLE, 'the charts set to the pod’s namespace.'],
  [IP_VARIABLE, 'the charts set to the pod’s address.'],
  [TEMPLATE_VARIABLE, 'the charts set to the hash of the pod’s template.'],
  ...(['workers', 'peers', 'peerPort'] as const).map((key) => [environmentName(key), notInPods[key]] as const),
]);

/** Rules about the server and its container. */
export const serverChecks: readonly Check[] = [
  {
    reads: ['server.port', 'server.adminPort'],
    find({ server }) {
      const { port, adminPort } = effectiveSettings(server);
      return [
        ...when(
          port === adminPort,
          'server.adminPort',
          () => `is ${adminPort}, and so is server.port: only one of the two listeners could start.`,
        ),
        ...(['port', 'adminPort'] as const).flatMap((key) =>
          when(
            effectiveSettings(server)[key] === PEER_PORT,
            `server.${key}`,
            () => `is ${PEER_PORT}, the port that the pods of a fleet talk to each other on. Give another one.`,
          ),
        ),
      ];
    },
  },
  {
    reads: ['server.transport'],
    find: ({ server }) =>
      when(
        server.transport === 'stdio',
        'server.transport',
        () => 'is stdio, which nobody outside the pod could reach.',
      ),
  },
  {
    reads: ['server'],
    find({ server }) {
      const { transport } = effectiveSettings(server);
      return settings
        .filter((key) => server[key] !== undefined && ignoredBy[transport].includes(key))
        .map((key) => ({ path: `server.${key}`, message: `has no effect with the transport ${transport}.` }));
    },
  },
  {
    reads: ['server.env'],
    find({ server }) {
      return server.env.flatMap((variable, index) => {
        const key = settings.find((setting) => environmentName(setting) === variable.name);
        const taken = TAKEN_VARIABLES.get(variable.name);
        // Whoever takes the store's address from a Secret wants the other key.
        const place = key === 'sessionStore' && variable.valueFrom !== undefined ? 'sessionStoreSecret' : key;
        const path = `server.env.${index}`;
        return [
          ...when(
            key !== undefined,
            path,
            () => `sets ${variable.name}, which the charts would not know of. Give server.${place} instead.`,
          ),
          ...when(taken !== undefined, path, () => `sets ${variable.name}, which ${taken}`),
        ];
      });
    },
  },
  {
    reads: ['extraContainers'],
    find: ({ extraContainers }) =>
      extraContainers.flatMap((container, index) =>
        when(
          container['name'] === CONTAINER_NAME,
          `extraContainers.${index}.name`,
          () => `is ${CONTAINER_NAME}, the name of the server’s own container.`,
        ),
      ),
  },
  {
    reads: ['extraContainers'],
    find: ({ extraContainers }) =>
      repeated(extraContainers.map((container) => container['name'])).map((index) => ({
        path: `extraContainers.${index}.name`,
        message: `is ${extraContainers[index]?.['name']}, the name of another container of the pod.`,
      })),
  },
  {
    reads: ['server.volumeMounts', 'server.volumes'],
    find({ server: { volumes, volumeMounts } }) {
      const names = new Set(volumes.map((volume) => volume['name']));
      return [
        ...repeated(volumeMounts.map((mount) => mount['mountPath'])).map((index) => ({
          path: `server.volumeMounts.${index}.mountPath`,
          message: `is ${volumeMounts[index]?.['mountPath']}, where another volume is mounted.`,
        })),
        ...volumeMounts.flatMap(({ name }, index) =>
          when(
            !names.has(name),
            `server.volumeMounts.${index}.name`,
            () => `is ${name}, but server.volumes has no volume of that name.`,
          ),
        ),
      ];
    },
  },
  {
    reads: ['server.allowedHosts', 'server.allowedOrigins'],
    find: ({ server }) =>
      (['allowedHosts', 'allowedOrigins'] as const).flatMap((key) =>
        (server[key] ?? []).flatMap((text, index) =>
          when(
            /[\s,]/.test(text),
            `server.${key}.${index}`,
            () => `must be one name, without commas and blanks. Got ${JSON.stringify(text)}.`,
          ),
        ),
      ),
  },
  {
    reads: ['image'],
    find: ({ image }) =>
      when(
        image.tag === undefined && image.digest === undefined,
        'image.tag',
        () => 'is not given, and neither is image.digest: each node would run whatever "latest" it has.',
      ),
  },
];

/** The indexes of the texts that another one before them is equal to. */
function repeated(texts: readonly unknown[]): readonly number[] {
  return texts.flatMap((text, index) => (text !== undefined && texts.indexOf(text) < index ? [index] : []));
}
