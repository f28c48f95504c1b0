import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { HANDSHAKE_LIMIT_MS } from '../../src/fleet/handshake.ts';
import type { PeerIdentity } from '../../src/fleet/identity.ts';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { startCluster } from './cluster.ts';
import {
  agentFor,
  answered,
  ask,
  claimOf,
  dialRaw,
  ELSEWHERE,
  greetByHand,
  helloOf,
  listenRaw,
  open,
  SECRET,
  startPeer,
} from './peers.ts';

const KEY = randomBytes(32);
const keyIdentity = async () => createKeyIdentity(KEY);

/** Two ends of one fleet. */
const KINDS: Readonly<Record<string, () => Promise<readonly [PeerIdentity, PeerIdentity]>>> = {
  'a shared key': async () => [await keyIdentity(), await keyIdentity()],
  'ServiceAccount tokens': async () => {
    const cluster = await startCluster();
    return [await cluster.pod(), await cluster.pod()];
  },
};

describe.each(Object.entries(KINDS))('with %s', (_kind, twoEnds) => {
  test('both ends learn who the other is, and requests know who sends them', async () => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one);
    const agent = agentFor(server.address, other);
    expect(await ask(agent)).toBe(ELSEWHERE);
    expect(agent.greeted).toEqual([helloOf(server.address)]);
    expect(server.greeted).toEqual([helloOf(ELSEWHERE)]);
    expect(server.refused).toEqual([]);
  });

  test('requests over one agent share one socket and one handshake, which a greeting may have made', async () => {
    const [one, other] = await twoEnds();
    const ports = new Set<number | undefined>();
    const server = await startPeer(one, {
      onRequest: (req, res) => {
        ports.add(req.socket.remotePort);
        req.resume().on('end', () => res.end());
      },
    });
    const agent = agentFor(server.address, other);
    expect(await agent.greet()).toEqual(helloOf(server.address));
    for (let i = 0; i < 20; i++) await ask(agent, 'x'.repeat(i * 1_000));
    expect(ports.size).toBe(1);
    expect(server.greeted).toHaveLength(1);
  });

  test('an address that is no peer is refused before it sees a proof', async () => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one, { isPeer: async ({ address }) => address !== ELSEWHERE });
    await expect(ask(agentFor(server.address, other))).rejects.toMatchObject({
      name: 'PeerError',
      code: 'refused',
      message: expect.stringContaining('unknown-address'),
    });
    const raw = dialRaw(server.port);
    raw.send({ berth: 1, ...claimOf() });
    expect(await raw.rest()).toEqual(['{"refused":"unknown-address"}']);
    expect(await server.refusedTimes(2)).toEqual(['unknown-address', 'unknown-address']);
    expect(server.requests).toEqual([]);
  });

  test('an address of another host than the one it comes from is refused', async () => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one);
    const agent = agentFor(server.address, other, { hello: () => helloOf('127.0.0.7:9') });
    await expect(ask(agent)).rejects.toMatchObject({ code: 'refused' });
    expect(await server.refusedTimes(1)).toEqual(['unknown-address']);
  });

  test('a Hello of another address than the proven one is refused', async () => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one);
    const { raw, proven } = await greetByHand(server.port, other);
    raw.send({ ...proven, hello: helloOf('127.0.0.1:10') }, 'POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await raw.rest()).toEqual(['{"refused":"unknown-address"}']);
    expect(server.refused).toEqual(['unknown-address']);
    expect(server.requests).toEqual([]);
  });

  test.each([
    ['none', undefined, 'no-proof'],
    ['garbage', 'garbage', 'bad-proof'],
  ])('a client whose proof is %s is refused, and its request is not read', async (_name, proof, reason) => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one);
    const { raw, proven } = await greetByHand(server.port, other);
    raw.send({ ...proven, proof }, 'POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await raw.rest()).toEqual([JSON.stringify({ refused: reason })]);
    expect(server.refused).toEqual([reason]);
    expect(server.requests).toEqual([]);
    expect(server.greeted).toEqual([]);
  });

  test('a server that cannot prove itself hears nothing but an opening', async () => {
    const [, other] = await twoEnds();
    const left = Promise.withResolvers<void>();
    const impostor = await listenRaw((socket, address) => {
      socket.write(`${JSON.stringify({ ...claimOf(address), proof: 'trust me' })}\n`);
      socket.on('close', () => left.resolve());
    });
    const agent = agentFor(impostor.address, other);
    await expect(ask(agent, 'a private thing')).rejects.toMatchObject({ name: 'PeerError', code: 'bad-proof' });
    expect(agent.greeted).toEqual([]);
    await left.promise;
    expect(impostor.heard().split('\n')).toEqual([expect.stringMatching(/^\{"berth":1,"challenge"/), '']);
    expect(impostor.heard()).not.toContain(SECRET);
    expect(impostor.heard()).not.toContain(await other.prove('client', { client: claimOf(), server: claimOf() }));
  });

  test('bytes that are sent right behind the last message are not lost', async () => {
    const [one, other] = await twoEnds();
    const server = await startPeer(one);
    const { raw, proven } = await greetByHand(server.port, other);
    const requests = ['/a', '/b'].map((path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`);
    raw.send(proven, ...requests, 'GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const lines = await raw.rest();
    expect(JSON.parse(lines[0] ?? '')).toEqual({ hello: helloOf(server.address) });
    expect(lines.join('\n').match(/HTTP\/1.1 200/g)).toHaveLength(3);
    expect(server.requests).toEqual(['POST /a', 'POST /b', 'GET /c']);
  });
});

test('a plain HTTP call gets a whole 401', async () => {
  const server = await startPeer(await keyIdentity());
  const response = await fetch(`http://${server.address}/mcp`, { method: 'POST', body: '{}' });
  expect(response.status).toBe(401);
  expect(response.headers.get('connection')).toBe('close');
  expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('peers') } });
  expect(server.refused).toEqual(['no-proof']);
  expect(server.requests).toEqual([]);
});

test.each([
  ['no JSON', '{"berth":\n'],
  ['another version', '{"berth":2}\n'],
  ['no claim', '{"berth":1}\n'],
  ['a challenge too short to be random', `${JSON.stringify({ berth: 1, ...claimOf(), challenge: 'x' })}\n`],
  ['more than 64 KiB', `{${' '.repeat(65 * 1024)}`],
])('an opening that is %s is malformed', async (_name, opening) => {
  const server = await startPeer(await keyIdentity());
  const raw = dialRaw(server.port);
  raw.send(opening);
  expect(await raw.rest()).toEqual(['{"refused":"malformed"}']);
  expect(server.refused).toEqual(['malformed']);
});

test('messages may come byte by byte', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity);
  const { raw, proven } = await greetByHand(server.port, identity);
  raw.socket.setNoDelay(true);
  for (const character of `${JSON.stringify(proven)}\nGET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`) {
    await new Promise((written) => raw.socket.write(character, written));
  }
  await raw.rest();
  expect(server.requests).toEqual(['GET /slow']);
});

test('a client that says nothing is cut', async () => {
  const server = await startPeer(await keyIdentity(), { limitMs: 50 });
  const raw = dialRaw(server.port);
  expect(await raw.rest()).toEqual(['{"refused":"timeout"}']);
  expect(server.refused).toEqual(['timeout']);
});

test('a client that leaves is reported once', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity, { limitMs: 100 });
  dialRaw(server.port).socket.end();
  const { raw } = await greetByHand(server.port, identity);
  raw.socket.resetAndDestroy();
  expect(await server.refusedTimes(2)).toEqual(['no-proof', 'no-proof']);
});

test('a look-up that is slow or fails lets nobody in', async () => {
  const failing = await startPeer(await keyIdentity(), { isPeer: () => Promise.reject(new Error('no DNS')) });
  await expect(ask(agentFor(failing.address, await keyIdentity()))).rejects.toMatchObject({ code: 'refused' });
  expect(failing.refused).toEqual(['unknown-address']);
  let answer = (_: boolean) => {};
  const slow = await startPeer(await keyIdentity(), {
    isPeer: () => new Promise((resolve) => (answer = resolve)),
    limitMs: 50,
  });
  const raw = dialRaw(slow.port);
  raw.send({ berth: 1, ...claimOf() });
  expect(await slow.refusedTimes(1)).toEqual(['timeout']);
  answer(true);
  expect(await raw.rest()).toEqual(['{"refused":"timeout"}']);
});

test('connections beyond the bound of unproven ones are cut; those that are proven do not count', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity, { maxUnproven: 2, limitMs: 5_000 });
  const proven = agentFor(server.address, identity);
  await proven.greet();
  const held = [await greetByHand(server.port, identity), await greetByHand(server.port, identity)];
  expect(await dialRaw(server.port).rest()).toEqual([]);
  expect(server.refused).toEqual(['too-many']);
  expect(await ask(proven)).toBe(ELSEWHERE);
  held[0]?.raw.socket.destroy();
  await server.refusedTimes(2);
  await agentFor(server.address, identity).greet();
});

test('a server that accepts and never answers fails within the limit', async () => {
  const silent = await listenRaw(() => {});
  const agent = agentFor(silent.address, await keyIdentity(), { limitMs: HANDSHAKE_LIMIT_MS });
  const begun = performance.now();
  await expect(ask(agent)).rejects.toMatchObject({ name: 'PeerError', code: 'timeout' });
  expect(performance.now() - begun).toBeLessThan(2_000);
  expect(silent.heard()).not.toContain('HTTP/1.1');
});

test('a thousand requests at once all get a connection', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity);
  const agent = agentFor(server.address, identity);
  await Promise.all(Array.from({ length: 1_000 }, () => ask(agent)));
  expect(server.requests).toHaveLength(1_000);
  expect(server.refused).toEqual([]);
});

test('many requests to a peer that never answers all fail within one limit', async () => {
  const silent = await listenRaw(() => {});
  const agent = agentFor(silent.address, await keyIdentity(), { limitMs: 400 });
  const begun = performance.now();
  const asked = await Promise.allSettled(Array.from({ length: 50 }, () => ask(agent)));
  expect(performance.now() - begun).toBeLessThan(1_200);
  expect(asked.map((one) => one.status === 'rejected' && one.reason.code)).toEqual(Array(50).fill('timeout'));
  expect(silent.sockets.size).toBeLessThan(10);
});

test.each<[string, string, (socket: Socket, address: string) => void]>([
  ['no-proof', 'HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['no-proof', 'nothing', (socket) => socket.end()],
  ['malformed', 'another protocol in JSON', (socket) => socket.end('{"jsonrpc":"2.0"}\n')],
  ['no-proof', 'an answer without a proof', (socket, address) => socket.end(`${JSON.stringify(claimOf(address))}\n`)],
  ['refused', 'a refusal', (socket) => socket.end('{"refused":"timeout"}\n')],
  [
    'unknown-address',
    'the answer of another address',
    (socket) => socket.end(`${JSON.stringify({ ...claimOf(), proof: 'p' })}\n`),
  ],
])('the code is %s when %s comes back', async (code, _name, respond) => {
  const { address } = await listenRaw((socket, own) => socket.once('data', () => respond(socket, own)));
  await expect(ask(agentFor(address, await keyIdentity()))).rejects.toMatchObject({ name: 'PeerError', code });
});

test('an address where nobody listens is unreachable', async () => {
  const server = await startPeer(await keyIdentity());
  await server.close();
  const agent = agentFor(server.address, await keyIdentity());
  await expect(agent.greet()).rejects.toMatchObject({ name: 'PeerError', code: 'unreachable' });
});

test('an end without a proof to show says so', async () => {
  const identity = await keyIdentity();
  const broken: PeerIdentity = { ...identity, prove: () => Promise.reject(new Error('the file is gone')) };
  const server = await startPeer(identity);
  await expect(agentFor(server.address, broken).greet()).rejects.toMatchObject({ code: 'no-identity' });
});

test('bodies stream both ways at once', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity, { onRequest: (req, res) => void req.pipe(res) });
  const sent = open(agentFor(server.address, identity));
  sent.write('first');
  const response = await answered(sent);
  expect(String((await once(response, 'data'))[0])).toBe('first');
  sent.write('second');
  expect(String((await once(response, 'data'))[0])).toBe('second');
  const big = 'x'.repeat(4 * 1024 * 1024);
  sent.end(big);
  expect(await text(response)).toBe(big);
});

test('an agent that is destroyed ends what it has, what it dials and what it kept, and makes nothing new', async () => {
  const identity = await keyIdentity();
  const held = await startPeer(identity, { onRequest: (_req, res) => res.write('going on') });
  const agent = agentFor(held.address, identity);
  const response = await answered(open(agent).end());
  await agent.greet();
  const silent = await listenRaw(() => {});
  const dialling = agentFor(silent.address, identity, { limitMs: 10_000 });
  const given = expect(dialling.greet()).rejects.toMatchObject({ code: 'destroyed' });
  agent.destroy();
  dialling.destroy();
  await expect(text(response)).rejects.toThrow();
  await given;
  await expect(ask(agent)).rejects.toMatchObject({ code: 'destroyed' });
  await held.close();
});

test('a server that closes ends idle connections at once and the others after their answers', async () => {
  const identity = await keyIdentity();
  const begun = Promise.withResolvers<() => void>();
  const server = await startPeer(identity, { onRequest: (_req, res) => begun.resolve(() => res.end('done')) });
  const idle = agentFor(server.address, identity);
  await idle.greet();
  const answer = ask(agentFor(server.address, identity));
  const finish = await begun.promise;
  const closed = server.close();
  await expect(idle.greet()).rejects.toMatchObject({ code: 'unreachable' });
  finish();
  expect(await answer).toBe('done');
  await closed;
});

test('a greeted connection whose server went away is not used', async () => {
  const identity = await keyIdentity();
  const server = await startPeer(identity);
  const agent = agentFor(server.address, identity);
  await agent.greet();
  await server.close();
  await expect(agent.greet()).rejects.toMatchObject({ code: 'unreachable' });
  await expect(ask(agent)).rejects.toMatchObject({ code: 'unreachable' });
});

test('a time limit that an answer had does not end the connection when it idles', async () => {
  const ports = new Set<number | undefined>();
  const server = await startPeer(await keyIdentity(), {
    onRequest: (req, res) => {
      ports.add(req.socket.remotePort);
      res.setTimeout(100);
      req.resume().on('end', () => res.end());
    },
  });
  const agent = agentFor(server.address, await keyIdentity());
  await ask(agent);
  await sleep(300);
  await ask(agent);
  expect(ports.size).toBe(1);
});
