import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { Peer } from '../../src/fleet/peer.ts';
import { agentFor, helloOf, startPeer } from './peers.ts';

const identity = createKeyIdentity(Buffer.alloc(32, 7));
const clock = () => performance.now();
const call = { method: 'GET', path: '/mcp', headers: {} };

test('requests that wait for connections which do not come about get others', async () => {
  let busy = 8;
  const pod = await startPeer(identity, {
    isPeer: async () => {
      if (busy-- > 0) await sleep(500);
      return true;
    },
  });
  const peer = new Peer({ address: pod.address, agent: agentFor(pod.address, identity), clock });
  const answers = await Promise.all(Array.from({ length: 24 }, () => peer.send(call)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200));
});

test('a peer that speaks to others is not given up for an answer that takes long', async () => {
  let greeting = false;
  const pod = await startPeer(identity, {
    isPeer: async () => {
      if (greeting) await sleep(500);
      greeting = true;
      return true;
    },
    onRequest: (req, res) => {
      req.resume();
      setTimeout(() => res.end(), 1_500);
    },
  });
  const peer = new Peer({ address: pod.address, agent: agentFor(pod.address, identity), clock });
  peer.greeted(helloOf(pod.address));
  const speaking = setInterval(() => peer.alive(), 100);
  const answer = await peer.send(call).finally(() => clearInterval(speaking));
  expect(answer.statusCode).toBe(200);
});

test('an answer that is there in time counts, however late this process comes to read it', async () => {
  const pod = await startPeer(identity, {
    onRequest(req, res) {
      req.resume();
      res.end('{"here":true}');
      // Both ends are this process: it is held up once the answer is on its way.
      const until = performance.now() + 400;
      while (performance.now() < until);
    },
  });
  const peer = new Peer({ address: pod.address, agent: agentFor(pod.address, identity), clock });
  expect(await peer.ask('/berth/find', {}, 300)).toEqual({ status: 200, body: { here: true } });
});

test('a question is given up once there is no time left for it', async () => {
  const pod = await startPeer(identity, {
    onRequest(req, res) {
      req.resume();
      if (req.url === '/berth/alive') res.writeHead(204).end();
    },
  });
  const peer = new Peer({ address: pod.address, agent: agentFor(pod.address, identity), clock });
  const begun = performance.now();
  await expect(peer.ask('/berth/find', {}, 20_000, AbortSignal.timeout(200))).rejects.toMatchObject({ kind: 'lost' });
  expect(performance.now() - begun).toBeLessThan(2_000);
});
