import type { Values } from './schema.ts';

/** The name of the container that serves MCP. */
export const CONTAINER_NAME = 'berth';

/** The name of the container of the user's own server. */
export const SIDECAR_NAME = 'server';

/** The name of the container that adds berth to the user's image. */
export const INSTALLER_NAME = 'berth-install';

/** A writable folder that the charts give to a container. */
export interface OwnFolder {
  /** The name of its volume. */
  readonly volume: string;
  readonly mountPath: string;
}

/** Where berth is, in the user's image. */
export const PROGRAM_FOLDER: OwnFolder = { volume: 'berth-program', mountPath: '/berth' };

/** The home of a command, below the read-only root. */
export const HOME_FOLDER: OwnFolder = { volume: 'berth-home', mountPath: '/home/berth' };
const COMMAND_TMP: OwnFolder = { volume: 'berth-tmp', mountPath: '/tmp' };
const SIDECAR_TMP: OwnFolder = { volume: 'server-tmp', mountPath: '/tmp' };

type PodValues = Pick<Values, 'server' | 'sidecar'>;

/** The writable folders of a command, but for those where the user mounts something else. */
export function commandFolders({ server: { command, volumeMounts } }: PodValues): readonly OwnFolder[] {
  return command === undefined ? [] : [HOME_FOLDER, COMMAND_TMP].filter(isFree(volumeMounts));
}

/** The writable folders of a sidecar, with the same exception. */
export function sidecarFolders({ sidecar }: PodValues): readonly OwnFolder[] {
  return sidecar === undefined ? [] : [SIDECAR_TMP].filter(isFree(sidecar.volumeMounts));
}

const isFree = (mounts: readonly Readonly<Record<string, unknown>>[]) => (folder: OwnFolder) =>
  mounts.every(({ mountPath }) => String(mountPath).replace(/\/+$/, '') !== folder.mountPath);

/** The names of the containers that the charts put into a pod. */
export function containerNames({ server, sidecar }: PodValues): readonly string[] {
  return [
    CONTAINER_NAME,
    ...(sidecar === undefined ? [] : [SIDECAR_NAME]),
    ...(server.commandImage === undefined ? [] : [INSTALLER_NAME]),
  ];
}

/** The names of the volumes that the charts put into a pod for writable folders and programs. */
export function folderVolumes(values: PodValues): readonly string[] {
  const folders = [...commandFolders(values), ...sidecarFolders(values)];
  return [...(values.server.commandImage === undefined ? [] : [PROGRAM_FOLDER]), ...folders].map(
    ({ volume }) => volume,
  );
}
