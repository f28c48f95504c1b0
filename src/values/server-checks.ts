import type { Problem } from '../config/problems.ts';
import { environmentName } from '../config/serve-config.ts';
import { type Check, when } from './check.ts';
import { containerNames } from './pod-parts.ts';
import type { Values } from './schema.ts';
import { effectiveSettings, notInPods, serveDefaults, settings } from './server-values.ts';

/** The port that pods of one fleet talk to each other on. */
export const PEER_PORT = serveDefaults.peerPort;

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
    reads: ['extraContainers', 'sidecar', 'server.commandImage'],
    find(values) {
      const own: readonly unknown[] = containerNames(values);
      return values.extraContainers.flatMap(({ name }, index) =>
        when(
          own.includes(name),
          `extraContainers.${index}.name`,
          () => `is ${name}, the name of a container that the charts make themselves.`,
        ),
      );
    },
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
    find: ({ server }) => mountProblems('server.volumeMounts', server.volumeMounts, server.volumes),
  },
  {
    reads: ['sidecar.volumeMounts', 'server.volumes'],
    find: ({ server, sidecar }) =>
      sidecar === undefined ? [] : mountProblems('sidecar.volumeMounts', sidecar.volumeMounts, server.volumes),
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
  ...['image', 'server.commandImage', 'sidecar.image'].map(
    (path): Check => ({
      reads: [path],
      find(values) {
        const image = imageAt(path, values);
        return when(
          image !== undefined && image.tag === undefined && image.digest === undefined,
          `${path}.tag`,
          () => `is not given, and neither is ${path}.digest: each node would run whatever "latest" it has.`,
        );
      },
    }),
  ),
];

function imageAt(path: string, { image, server, sidecar }: Values): Values['image'] | undefined {
  if (path === 'image') return image;
  return path === 'sidecar.image' ? sidecar?.image : server.commandImage;
}

type Mounts = Values['server']['volumeMounts'];

/** What is wrong with the mounts of one container. */
function mountProblems(path: string, mounts: Mounts, volumes: Values['server']['volumes']): readonly Problem[] {
  const names = new Set(volumes.map((volume) => volume['name']));
  return [
    ...repeated(mounts.map((mount) => mount['mountPath'])).map((index) => ({
      path: `${path}.${index}.mountPath`,
      message: `is ${mounts[index]?.['mountPath']}, where another volume is mounted.`,
    })),
    ...mounts.flatMap(({ name }, index) =>
      when(
        !names.has(name),
        `${path}.${index}.name`,
        () => `is ${name}, but server.volumes has no volume of that name.`,
      ),
    ),
  ];
}

/** The indexes of the texts that another one before them is equal to. */
function repeated(texts: readonly unknown[]): readonly number[] {
  return texts.flatMap((text, index) => (text !== undefined && texts.indexOf(text) < index ? [index] : []));
}
