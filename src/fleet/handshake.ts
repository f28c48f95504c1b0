import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { z } from 'zod';
import { HandshakeFault, readLine } from './handshake-line.ts';
import type { Hello } from './hello.ts';
import type { Claim, PeerIdentity, Role, Transcript } from './identity.ts';
import { plainHost, splitAddress } from './peer-address.ts';

/** Connecting and greeting inside a cluster takes single milliseconds; who needs longer is as good as gone. */
export const HANDSHAKE_LIMIT_MS = 300;

/** What both ends need to greet each other. */
export interface Greeter {
  readonly identity: PeerIdentity;
  /** What this end says of itself at this moment. */
  readonly hello: () => Hello;
}

const claim = { challenge: z.string().min(22).max(256), address: z.string(), nonce: z.string() };
const proof = z.string().min(1).optional();
const hello = z.object({
  address: z.string(),
  nonce: z.string(),
  startedAt: z.number(),
  template: z.string(),
  phase: z.enum(['starting', 'serving', 'leaving', 'closing']),
  tags: z.record(z.string(), z.number()),
  peers: z.array(z.string()),
  secret: z.object({ value: z.string(), madeAt: z.number() }),
}) satisfies z.ZodType<Hello>;

// Four lines, in this order. A Hello carries the fleet's secret, so each end sends its own only to one that has proven
// itself; the last line also tells the client that it was let in, so that no request is lost on a refusal.
const opening = z.object({ berth: z.literal(1), ...claim });
const answer = z.object({ ...claim, proof });
const proven = z.object({ proof, hello });
const welcome = z.object({ hello });
/** Instead of any line of the server. */
const refusal = z.object({ refused: z.string() });

/** Greets on the end that dialled; answers what the other end, dialled as `address`, says of itself. */
export async function greetServer(socket: Socket, address: string, { identity, hello }: Greeter): Promise<Hello> {
  const client = claimOf(hello());
  send(socket, { berth: 1, ...client });
  const { proof: found, ...server } = await receive(socket, answer);
  if (server.address !== address) {
    throw new HandshakeFault('unknown-address', `it says that it is ${server.address}`);
  }
  const transcript = { client, server };
  await check(identity, 'server', transcript, found);
  send(socket, { proof: await prove(identity, 'client', transcript), hello: hello() });
  const peer = (await receive(socket, welcome)).hello;
  checkSame(server, peer);
  return peer;
}

/** Greets on the end that was dialled, up to the point where the client is proven: `welcomeClient` lets it in. */
export async function greetClient(
  socket: Socket,
  isPeer: (claim: Claim, remoteAddress: string) => Promise<boolean>,
  { identity, hello }: Greeter,
): Promise<Hello> {
  const { berth: _, ...client } = await receive(socket, opening);
  const remoteAddress = plainHost(socket.remoteAddress ?? '');
  if (splitAddress(client.address)?.host !== remoteAddress) {
    throw new HandshakeFault('unknown-address', `${remoteAddress} says that it is ${client.address}`);
  }
  // Before this end shows its own proof: a token is good for whoever holds it. A look-up that failed names nobody.
  if (!(await isPeer(client, remoteAddress).catch(() => false))) {
    throw new HandshakeFault('unknown-address', `${client.address} is no peer`);
  }
  const server = claimOf(hello());
  const transcript = { client, server };
  send(socket, { ...server, proof: await prove(identity, 'server', transcript) });
  const { proof: found, hello: peer } = await receive(socket, proven);
  await check(identity, 'client', transcript, found);
  checkSame(client, peer);
  return peer;
}

/** The last line of a handshake; HTTP follows. */
export function welcomeClient(socket: Socket, hello: Hello): void {
  send(socket, { hello });
}

/** Tells a client why it is not let in. */
export function refusalLine(reason: string): string {
  return `${JSON.stringify({ refused: reason } satisfies z.infer<typeof refusal>)}\n`;
}

function claimOf({ address, nonce }: Hello): Claim {
  return { challenge: randomBytes(32).toString('base64url'), address, nonce };
}

async function prove(identity: PeerIdentity, role: Role, transcript: Transcript): Promise<string> {
  try {
    return await identity.prove(role, transcript);
  } catch (error) {
    throw new HandshakeFault('no-identity', String(error));
  }
}

async function check(identity: PeerIdentity, role: Role, transcript: Transcript, found?: string): Promise<void> {
  if (found === undefined) throw new HandshakeFault('no-proof', 'its message has none');
  if (!(await identity.check(role, transcript, found)))
    throw new HandshakeFault('bad-proof', 'it is not of this fleet');
}

/** The proof covers the claim, so the Hello has to be of the same process. */
function checkSame(claimed: Claim, { address, nonce }: Hello): void {
  if (claimed.address !== address || claimed.nonce !== nonce) {
    throw new HandshakeFault('unknown-address', `${claimed.address} greets as ${address}`);
  }
}

function send(socket: Socket, message: object): void {
  // After the time limit the socket has ended, while what it waited for may still go on.
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

async function receive<T>(socket: Socket, schema: z.ZodType<T>): Promise<T> {
  const line = await readLine(socket);
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw new HandshakeFault('malformed', 'its message is not JSON');
  }
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const refused = refusal.safeParse(message);
  if (refused.success) throw new HandshakeFault('refused', refused.data.refused.slice(0, 40));
  const where = parsed.error.issues[0];
  throw new HandshakeFault('malformed', `${where?.path.join('.')} of its message: ${where?.message}`);
}
