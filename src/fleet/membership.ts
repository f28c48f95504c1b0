import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { Hello } from './hello.ts';
import type { PeerIdentity } from './identity.ts';
import { Moves } from './moves.ts';
import { joinAddress, splitAddress } from './peer-address.ts';
import { PeerAgent } from './peer-agent.ts';
import { listenForPeers } from './peer-server.ts';
import type { PeerSource } from './peer-source.ts';
import { Peers } from './peers.ts';
import type { Phase } from './phase.ts';
import { SeenTags } from './seen-tags.ts';
import { ownerTag } from './session-id.ts';

export interface MembershipOptions {
  readonly source: PeerSource;
  readonly identity: PeerIdentity;
  /** A secret that all pods have from elsewhere, to make the fleet's `requestState` key of; else one is agreed on. */
  readonly sharedKey: Uint8Array | undefined;
  /** Where the peer listener listens. */
  readonly host: string;
  readonly port: number;
  /** The address that peers reach this pod at; found out when not given. */
  readonly ownHost: string | undefined;
  /** The hash of the pod's template. */
  readonly template: string;
  /** What changes while it runs. */
  readonly phase: () => Phase;
  readonly sessionIdleTimeout: number;
  readonly refused: (reason: string, details: object) => void;
  readonly log: { info(details: object, message: string): void };
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

/** This pod as a member of its fleet: what it is called there, whom it knows, and where it is reached. */
export interface Membership {
  readonly port: number;
  readonly tag: string;
  readonly address: string;
  readonly hello: () => Hello;
  readonly peers: Peers;
  readonly tags: SeenTags;
  readonly moves: Moves;
  /** The fleet's key for what travels through clients, base64url. */
  readonly secret: () => string;
  /** Begins to answer peers. */
  serve(handle: (req: IncomingMessage, res: ServerResponse) => void): void;
  close(): Promise<void>;
  destroy(): void;
}

/** Opens the peer port; peers are greeted by `peers.join()`. */
export async function openMembership(options: MembershipOptions): Promise<Membership> {
  const { source, identity, sharedKey, phase, template, clock, signal } = options;
  const nonce = randomBytes(16).toString('base64url');
  const startedAt = Date.now();
  const tags = new SeenTags(options.sessionIdleTimeout, clock);
  let secret = sharedKey === undefined ? newSecret(startedAt) : secretOf(sharedKey);
  let handle = (_req: IncomingMessage, res: ServerResponse): void => {
    res.writeHead(503).end();
  };
  let tag = '';
  let address = '';

  const hello = (): Hello => ({
    address,
    nonce,
    startedAt,
    template,
    phase: phase(),
    tags: { ...tags.newest, [tag]: 0 },
    peers: peers.reachable.map((peer) => peer.address),
    secret,
  });
  const peers = new Peers({
    ...options,
    hello,
    tags,
    connect: (to, greeted) => new PeerAgent({ address: to, identity, hello, greeted }),
    greeted(said) {
      const { value, madeAt } = said.secret;
      const older = madeAt < secret.madeAt || (madeAt === secret.madeAt && value < secret.value);
      if (older) secret = said.secret;
    },
  });
  const server = await listenForPeers({
    host: options.host,
    port: options.port,
    identity,
    hello,
    isPeer: ({ address: caller }) => peers.isPeer(caller),
    greeted: (said) => peers.greeted(said),
    refused: options.refused,
    onRequest: (req, res) => handle(req, res),
  });
  address = joinAddress(options.ownHost ?? (await findOwnHost(source)), server.port);
  tag = ownerTag(address, nonce);
  signal.addEventListener('abort', () => server.destroy(), { once: true });

  return {
    port: server.port,
    tag,
    address,
    hello,
    peers,
    tags,
    moves: new Moves(() => address),
    secret: () => secret.value,
    serve(handler) {
      handle = handler;
    },
    close: () => server.close(),
    destroy: () => server.destroy(),
  };
}

function newSecret(madeAt: number): Hello['secret'] {
  return { value: randomBytes(32).toString('base64url'), madeAt };
}

/** The same on every pod, whenever it starts. */
function secretOf(key: Uint8Array): Hello['secret'] {
  return { value: createHmac('sha256', key).update('berth requestState').digest('base64url'), madeAt: 0 };
}

/** Of this machine's addresses the one that its peers know it by, or the first that others can reach. */
async function findOwnHost(source: PeerSource): Promise<string> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const listed = (await source.read().catch(() => [])).map((address) => splitAddress(address)?.host);
  const known = own.find(({ address }) => listed.includes(address));
  return (known ?? own.find(({ internal }) => !internal))?.address ?? '127.0.0.1';
}
