import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { formatSize } from '../src/config/units.ts';
import { commandFolders, type OwnFolder, PROGRAM_FOLDER, sidecarFolders } from '../src/values/pod-parts.ts';
import type { Values } from '../src/values/schema.ts';

type PodValues = Pick<Values, 'server' | 'sidecar'>;

/** The volumes of all writable folders, each as old as its pod. */
export function folderVolumes(values: PodValues): V1Volume[] {
  const { commandImage, scratchSize } = values.server;
  const sizeLimit = scratchSize === undefined ? {} : { sizeLimit: quantity(scratchSize) };
  return [
    ...(commandImage === undefined ? [] : [{ name: PROGRAM_FOLDER.volume, emptyDir: {} }]),
    ...commandFolders(values).map(({ volume }) => ({ name: volume, emptyDir: sizeLimit })),
    ...sidecarFolders(values).map(({ volume }) => ({ name: volume, emptyDir: {} })),
  ];
}

/** Where the server's container finds what a command writes to, and berth itself in an image that has it not. */
export function commandMounts(values: PodValues): V1VolumeMount[] {
  const { volume, mountPath } = PROGRAM_FOLDER;
  const program = { name: volume, mountPath, readOnly: true };
  return [...(values.server.commandImage === undefined ? [] : [program]), ...commandFolders(values).map(writable)];
}

/** Where a sidecar may write. */
export function sidecarMounts(values: PodValues): V1VolumeMount[] {
  return sidecarFolders(values).map(writable);
}

const writable = ({ volume, mountPath }: OwnFolder): V1VolumeMount => ({ name: volume, mountPath });

/** `1GiB` in Kubernetes' words: `1Gi`. */
const quantity = (bytes: number) => formatSize(bytes).replace(/B$/, '');
