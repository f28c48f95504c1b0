import { type Check, when } from './check.ts';
import { IDENTITY_VOLUME, isIdentityPath, usesTokens } from './pod-identity.ts';

/** Rules about what makes one server of the pods: where sessions are kept, and how pods know each other. */
export const fleetChecks: readonly Check[] = [
  {
    reads: ['server.sessionStore', 'server.sessionStoreSecret'],
    find: ({ server: { sessionStore = 'memory', sessionStoreSecret } }) => [
      ...when(
        sessionStore !== 'memory' && sessionStoreSecret !== undefined,
        'server.sessionStoreSecret',
        () => 'and server.sessionStore are both given, but sessions are kept in one place. Give one of them.',
      ),
      ...when(
        sessionStore !== 'memory' && new URL(sessionStore).password !== '',
        'server.sessionStore',
        () =>
          'holds a password, which everybody who may see the Deployment could read. Keep the address in a Secret and name that in server.sessionStoreSecret.',
      ),
    ],
  },
  {
    reads: ['server.volumes', 'server.volumeMounts', 'server.peerIdentity'],
    find({ server }) {
      if (!usesTokens(server)) return [];
      return [
        ...server.volumes.flatMap(({ name }, index) =>
          when(
            name === IDENTITY_VOLUME,
            `server.volumes.${index}.name`,
            () => `is ${IDENTITY_VOLUME}, the name of the volume with the tokens that pods know each other by.`,
          ),
        ),
        ...server.volumeMounts.flatMap(({ mountPath }, index) =>
          when(
            typeof mountPath === 'string' && isIdentityPath(mountPath),
            `server.volumeMounts.${index}.mountPath`,
            () => `is ${mountPath}, where the tokens are mounted that pods know each other by.`,
          ),
        ),
      ];
    },
  },
];
