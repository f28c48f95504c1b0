import { type IgnoredBy, ignoredSettings, type SourceKind } from '../config/ignored-settings.ts';
import { type Check, when } from './check.ts';
import { folderVolumes, PROGRAM_FOLDER } from './pod-parts.ts';
import type { Values } from './schema.ts';
import { PEER_PORT } from './server-checks.ts';
import { effectiveSettings, settings } from './server-values.ts';
import { sourceKind } from './source-kind.ts';

const KINDS: Readonly<Record<SourceKind, string>> = {
  module: 'a module',
  command: 'a command',
  upstream: 'an upstream',
};

/** The keys that say what is served; each of them alone. */
const SOURCES = ['server.source', 'server.command', 'server.upstream', 'sidecar'] as const;

const givenSources = ({ server, sidecar }: Values) =>
  SOURCES.filter(
    (path) => (path === 'sidecar' ? sidecar : server[path.slice('server.'.length) as 'source']) !== undefined,
  );

/** Rules about what is served, and about what it needs in a pod. */
export const sourceChecks: readonly Check[] = [
  {
    reads: [...SOURCES],
    find(values) {
      const [first, ...more] = givenSources(values);
      return more.map((path) => ({
        path,
        message: `and ${first} are both given, but a fleet serves one server. Give one of them.`,
      }));
    },
  },
  {
    reads: ['server', 'sidecar'],
    find(values) {
      // Of several sources nobody knows which one counts; that there are several is told already.
      const source = givenSources(values).length > 1 ? undefined : sourceKind(values);
      const effective = effectiveSettings(values.server);
      const because: Readonly<Record<IgnoredBy, string>> = {
        transport: `with the transport ${effective.transport}`,
        stateless: 'with server.stateless',
        share: 'with server.share',
        source: source === undefined ? '' : `when the fleet serves ${KINDS[source]}`,
      };
      const ignored = ignoredSettings({ ...effective, source });
      return [...settings, 'sessionStoreSecret' as const].flatMap((key) => {
        const by = ignored.get(key === 'sessionStoreSecret' ? 'sessionStore' : key);
        return by === undefined || values.server[key] === undefined
          ? []
          : [{ path: `server.${key}`, message: `has no effect ${because[by]}.` }];
      });
    },
  },
  {
    reads: ['server.command', 'server.commandImage', 'server.scratchSize'],
    find: ({ server }) =>
      (['commandImage', 'scratchSize'] as const).flatMap((key) =>
        when(
          server[key] !== undefined && server.command === undefined,
          `server.${key}`,
          () => 'is given, but there is no server.command that it would be for.',
        ),
      ),
  },
  {
    reads: ['server.command', 'server.maxConnections', 'server.share', 'resources'],
    find: ({ server, resources }) =>
      when(
        server.command !== undefined &&
          server.share !== true &&
          server.maxConnections === undefined &&
          resources === undefined,
        'server.maxConnections',
        () =>
          `is not given, but each session of a command is a process of its own, and every pod would ask for memory for ${effectiveSettings(server).maxConnections} of them. Give it, or resources.`,
      ),
  },
  {
    reads: ['sidecar.port', 'server.port', 'server.adminPort'],
    find({ server, sidecar }) {
      const { port, adminPort } = effectiveSettings(server);
      const taken = [
        [port, 'and so is server.port'],
        [adminPort, 'and so is server.adminPort'],
        [PEER_PORT, 'the port that the pods of a fleet talk to each other on'],
      ] as const;
      return taken.flatMap(([number, what]) =>
        when(
          sidecar?.port === number,
          'sidecar.port',
          () => `is ${number}, ${what}: the containers of a pod share its ports. Give another one.`,
        ),
      );
    },
  },
  {
    reads: ['server.volumes', 'server.volumeMounts', 'server.command', 'server.commandImage', 'sidecar'],
    find(values) {
      const { volumes, volumeMounts, commandImage } = values.server;
      const own: readonly unknown[] = folderVolumes(values);
      return [
        ...volumes.flatMap(({ name }, index) =>
          when(
            own.includes(name),
            `server.volumes.${index}.name`,
            () => `is ${name}, the name of a volume that the charts make themselves.`,
          ),
        ),
        ...volumeMounts.flatMap(({ mountPath }, index) =>
          when(
            commandImage !== undefined && mountPath === PROGRAM_FOLDER.mountPath,
            `server.volumeMounts.${index}.mountPath`,
            () => `is ${mountPath}, where berth itself is added to the image of the command.`,
          ),
        ),
      ];
    },
  },
];
