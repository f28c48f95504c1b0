import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hello } from '../../src/fleet/hello.ts';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { ownerTag } from '../../src/fleet/session-id.ts';
import type { HandOver } from '../../src/server/fleet/departures.ts';
import { agentFor, answered, helloOf, open, startPeer } from './peers.ts';

/** What a pod asked of a peer. */
export interface Asked {
  readonly path: string;
  /** The peer address of who asked. */
  readonly by: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface PlayedPeerOptions {
  /** Tags that it says it has seen, besides its own. */
  readonly tags?: Hello['tags'];
  /** Answers what a pod passes on to it; by default with "not mine". */
  mcp?(res: ServerResponse): void;
  /** Answers a session that is handed over to it; by default with 204, which is no answer that a pod gives. */
  handOver?(offered: HandOver, res: ServerResponse): unknown;
  /** Answers where a session is; by default that it does not know. */
  find?(): unknown;
  /** How long it takes for each connection to be let in. */
  busyFor?(): number;
  /** Whether it is held up: it says nothing at all. */
  heldUp?(): boolean;
}

/** A pod that is none: it has the fleet's key, answers what its peers ask, and keeps what they asked. */
export async function playPeer(
  key: string,
  { tags = {}, mcp, handOver, find, busyFor, heldUp }: PlayedPeerOptions = {},
) {
  const identity = createKeyIdentity(Buffer.from(key, 'latin1'));
  const asked: Asked[] = [];
  let address = '';
  const tag = () => ownerTag(address, helloOf(address).nonce);
  const hello = () => helloOf(address, { tags: { ...tags, [tag()]: 0 } });
  const answer = async (req: IncomingMessage, res: ServerResponse, by: string) => {
    const body = await text(req);
    asked.push({ path: req.url ?? '', by, headers: req.headers, body });
    const json = (body: unknown) => res.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (req.url === '/berth/hello') json(hello());
    else if (req.url === '/berth/find') json(find?.() ?? {});
    else if (req.url === '/berth/sessions' && handOver !== undefined) handOver(JSON.parse(body), res);
    else if (req.url !== '/mcp') res.writeHead(204).end();
    else if (mcp !== undefined) mcp(res);
    else res.writeHead(421, { 'x-berth-answer': 'unknown' }).end();
  };
  const peer = await startPeer(identity, {
    hello,
    isPeer: async () => {
      await sleep(busyFor?.() ?? 0);
      return true;
    },
    onRequest(req, res, { address: by }) {
      if (heldUp?.() !== true) void answer(req, res, by);
    },
  });
  address = peer.address;
  return {
    address,
    tag: tag(),
    asked: (path: string) => asked.filter((request) => request.path === path),
    /** Asks a pod something, as a peer may; answers the status. */
    async ask(pod: string, path: string, body: unknown): Promise<number> {
      const agent = agentFor(pod, identity, { hello });
      const response = await answered(open(agent, path).end(JSON.stringify(body)));
      response.resume();
      return response.statusCode ?? 0;
    },
  };
}

export type PlayedPeer = Awaited<ReturnType<typeof playPeer>>;
