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
