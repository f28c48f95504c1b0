import { existsSync } from 'node:fs';
import { UsageError } from '../config/problems.ts';
import type { ServeConfig } from '../config/serve-config.ts';
import type { PeerIdentity } from '../fleet/identity.ts';
import { createKeyIdentity, readPeerKey } from '../fleet/key-identity.ts';
import { type Membership, openMembership } from '../fleet/membership.ts';
import { namedSource, type PeerSource, workerSource } from '../fleet/peer-source.ts';
import type { Phase } from '../fleet/phase.ts';
import { createTokenIdentity } from '../fleet/token-identity.ts';
import type { Log } from './log.ts';
import type { Place } from './place.ts';

/** Where the kubelet puts the token that pods of a fleet show each other (charts/peer-identity.ts). */
const TOKEN_FILE = '/var/run/secrets/berth/peer-token';

export interface OpenMembershipOptions {
  readonly config: ServeConfig;
  readonly place: Place;
  readonly phase: () => Phase;
  readonly metrics: { peerRefused(reason: string): void };
  readonly log: Log;
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

/** Makes this process a member of the fleet that its settings, or the process that started it, name; nothing without one. */
export async function openMembershipOf(options: OpenMembershipOptions): Promise<Membership | undefined> {
  const { config, place, metrics, log } = options;
  const { seat, podIp, template = '' } = place;
  const source = seat === undefined ? sourceOf(config) : workerSource((callback) => seat.onPeers(callback));
  if (source === undefined) return undefined;
  const key = seat?.key ?? (await readSharedKey(config.peerIdentity));
  const membership = await openMembership({
    ...options,
    source,
    identity: key === undefined ? await tokenIdentity(log) : createKeyIdentity(key),
    sharedKey: key,
    host: seat === undefined ? config.host : '127.0.0.1',
    port: seat === undefined ? config.peerPort : 0,
    ownHost: seat === undefined ? podIp : '127.0.0.1',
    template,
    sessionIdleTimeout: config.sessionIdleTimeout,
    refused(reason, details) {
      metrics.peerRefused(reason);
      log.debug({ reason, ...details }, 'Refused peer connection');
    },
  });
  seat?.peerListening?.(membership.port);
  return membership;
}

function sourceOf({ peers, peerPort }: ServeConfig): PeerSource | undefined {
  return peers.length === 0 ? undefined : namedSource(peers, peerPort);
}

async function readSharedKey(peerIdentity: string): Promise<Uint8Array | undefined> {
  return peerIdentity.startsWith('key:') ? await readPeerKey(peerIdentity.slice('key:'.length)) : undefined;
}

async function tokenIdentity(log: Log): Promise<PeerIdentity> {
  if (!existsSync(TOKEN_FILE)) {
    const found = `--peers is given, but there is no ServiceAccount token at ${TOKEN_FILE} to prove to them who this is`;
    throw new UsageError([`${found}. Give --peer-identity key:FILE with a file that all of them have.`]);
  }
  return await createTokenIdentity({
    keysUnavailable: (err) => log.warn({ err }, 'Could not read the keys of the cluster'),
  });
}
