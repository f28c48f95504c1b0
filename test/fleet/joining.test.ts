import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { PeerAgent } from '../../src/fleet/peer-agent.ts';
import type { PeerSource } from '../../src/fleet/peer-source.ts';
import { Peers } from '../../src/fleet/peers.ts';
import { SeenTags } from '../../src/fleet/seen-tags.ts';
import { ELSEWHERE, helloOf, startPeer } from './peers.ts';

const identity = createKeyIdentity(Buffer.alloc(32, 7));

/** What a pod knows that finds the others in a list that changes. */
function newcomer(list: () => readonly string[], unheardOf = 1) {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const clock = () => performance.now();
  const hello = () => helloOf(ELSEWHERE);
  const source: PeerSource = {
    unheardOf,
    changing: true,
    read: async () => list(),
    confirms: async () => true,
    onChange() {},
  };
  const peers: Peers = new Peers({
    source,
    hello,
    tags: new SeenTags(60_000, clock),
    connect: (address, greeted) => new PeerAgent({ address, identity, hello, greeted }),
    greeted: () => {},
    log: { info: () => {} },
    clock,
    signal: ended.signal,
  });
  return peers;
}

/** A peer that answers greetings as a pod does. */
const startPod = (peers: readonly string[] = []) => {
  const pod = startPeer(identity, {
    hello: () => helloOf(address(), { peers }),
    onRequest: (req, res) => void req.resume().on('end', () => res.end('{}')),
  });
  let own = '';
  const address = () => own;
  return pod.then((started) => {
    own = started.address;
    return own;
  });
};

test('a pod asks for nobody before others can have heard of it', async () => {
  const begun = performance.now();
  let asked = 0;
  const peers = newcomer(() => {
    asked ||= performance.now() - begun;
    return [ELSEWHERE];
  }, 400);
  await peers.join();
  expect(asked).toBeGreaterThanOrEqual(395);
});

test('a pod whom the list does not name goes on looking until it finds somebody', async () => {
  const pod = await startPod();
  let list: readonly string[] = [];
  const peers = newcomer(() => list);
  const joined = peers.join().then(() => 'joined');
  // An answer that DNS has kept may be older than this pod: for how long does not matter.
  expect(await Promise.race([joined, sleep(3_000, 'looking')])).toBe('looking');
  list = [pod];
  await joined;
  expect(peers.reachable.map(({ address }) => address)).toEqual([pod]);
});

test('a pod whom the list names alone is done at once', async () => {
  const peers = newcomer(() => [ELSEWHERE]);
  await peers.join();
  expect(peers.current).toEqual([]);
});

test('a pod that has met one has met all whom that one knows', async () => {
  const unlisted = await startPod();
  const listed = await startPod([unlisted, ELSEWHERE]);
  const peers = newcomer(() => [listed]);
  await peers.join();
  expect(peers.reachable.map(({ address }) => address)).toEqual([listed, unlisted]);
});

test('what a pod still has to answer when it says goodbye is not cut off', async () => {
  let answer = () => {};
  const asked = Promise.withResolvers<void>();
  let own = '';
  const pod = await startPeer(identity, {
    hello: () => helloOf(own),
    onRequest(req, res) {
      req.resume();
      if (req.url !== '/slow') return void res.end('{}');
      answer = () => void res.end('done');
      asked.resolve();
    },
  });
  own = pod.address;
  const peers = newcomer(() => [own]);
  await peers.join();
  const answering = peers.get(own)?.send({ method: 'GET', path: '/slow', headers: {} });
  await asked.promise;
  peers.left(own, helloOf(own).nonce);
  expect(peers.current).toEqual([]);
  answer();
  expect((await answering)?.statusCode).toBe(200);
});

test('a greeting that was overtaken by a later one takes nothing back', async () => {
  const pod = await startPod();
  const peers = newcomer(() => [pod]);
  await peers.join();
  peers.greeted(helloOf(pod, { phase: 'starting' }));
  expect(peers.withRoom.map(({ address }) => address)).toEqual([pod]);
  peers.greeted(helloOf(pod, { phase: 'starting', nonce: 'of another process' }));
  expect(peers.withRoom).toEqual([]);
});

test('a peer that misses an announcement is told again', async () => {
  const announced: string[] = [];
  let deaf = true;
  let own = '';
  const pod = await startPeer(identity, {
    hello: () => helloOf(own),
    onRequest(req, res) {
      announced.push(`${req.url} ${deaf ? 'missed' : 'heard'}`);
      if (deaf) res.destroy();
      else req.resume().on('end', () => res.end('{}'));
      deaf = false;
    },
  });
  own = pod.address;
  const peers = newcomer(() => [own]);
  peers.greeted(helloOf(own));
  await peers.announce();
  expect(announced).toEqual(['/berth/hello missed', '/berth/hello heard']);
});
