import type { V1Container } from '@kubernetes/client-node';
import { INSTALLER_NAME, PROGRAM_FOLDER } from '../src/values/pod-parts.ts';
import type { Values } from '../src/values/schema.ts';
import { imageReference } from './image-reference.ts';
import { resources } from './resources.ts';
import { securityContext } from './security.ts';

const { volume, mountPath } = PROGRAM_FOLDER;

/** In Node, since berth's image has no shell. */
const COPY = `const { cpSync } = require('node:fs');
cpSync(process.execPath, '${mountPath}/node');
cpSync('/app', '${mountPath}/app', { recursive: true });
`;

/** How the program that was copied is called in an image that knows nothing of it. */
export const INSTALLED_PROGRAM = [`${mountPath}/node`, `${mountPath}/app/cli/main.js`];

/**
 * Copies Node and berth out of berth's image to where the image of a command finds them. Node needs glibc and
 * libstdc++ there, which images of Debian, Ubuntu and UBI have and those of Alpine have not.
 */
export function installer(values: Values): V1Container {
  return {
    name: INSTALLER_NAME,
    image: imageReference(values.image),
    imagePullPolicy: values.image.pullPolicy,
    command: ['node', '-e', COPY],
    // A pod needs the larger of this and of what runs after it, so the same costs nothing.
    resources: resources(values),
    securityContext: securityContext(values.securityContext),
    volumeMounts: [{ name: volume, mountPath }],
  };
}
