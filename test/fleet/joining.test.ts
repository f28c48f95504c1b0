import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Hello } from '../../src/fleet/hello.ts';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { PeerAgent } from '../../src/fleet/peer-agent.ts';
import type { PeerSource } from '../../src/fleet/peer-source.ts';
import { Peers } from '../../src/fleet/peers.ts';
import type { Phase } from '../../src/fleet/phase.ts';
import { SeenTags } from '../../src/fleet/seen-tags.ts';
import { ELSEWHERE, helloOf, startPeer } from './peers.ts';

const identity = createKeyIdentity(Buffer.alloc(32, 7));

/** What a pod knows that finds the others in a list that changes. */
const newcomer = (list: () => readonly string[], unheardOf = 1) => memberOf(list, unheardOf).peers;

/** The same, and in which phase it is. */
function memberOf(list: () => readonly string[], unheardOf = 1) {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const clock = () => performance.now();
  const state = { phase: 'starting' as Phase };
  const hello = () => helloOf(ELSEWHERE, state);
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
  return { peers, state };
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

/** A peer that keeps what it is told, and says itself what it is told to say. */
async function startListener() {
  const heard: Phase[] = [];
  let own = '';
  const state = { phase: 'serving' as Phase, deaf: false };
  const pod = await startPeer(identity, {
    hello: () => helloOf(own, { phase: state.phase }),
    onRequest(req, res) {
      if (state.deaf) return void res.destroy();
      void text(req).then((body) => {
        heard.push((JSON.parse(body) as Hello).phase);
        res.end(JSON.stringify(helloOf(own, { phase: state.phase })));
      });
    },
  });
  own = pod.address;
  return { address: own, heard, state };
}

test('a peer that misses an announcement is told again', async () => {
  const pod = await startListener();
  const { peers, state } = memberOf(() => [pod.address]);
  await peers.refresh();
  state.phase = 'serving';
  pod.state.deaf = true;
  const announced = peers.announce();
  await sleep(50);
  pod.state.deaf = false;
  await announced;
  expect(pod.heard).toEqual(['starting', 'serving']);
});

test('a peer that misses every announcement hears of the phase at the next refresh, and only once', async () => {
  const pod = await startListener();
  const { peers, state } = memberOf(() => [pod.address]);
  await peers.refresh();
  state.phase = 'serving';
  pod.state.deaf = true;
  await peers.announce();
  pod.state.deaf = false;
  for (let i = 0; i < 3; i++) await peers.refresh();
  expect(pod.heard).toEqual(['starting', 'serving']);
});

test('a refresh learns in which phase a peer is over the connection that there is', async () => {
  const pod = await startListener();
  pod.state.phase = 'starting';
  const { peers } = memberOf(() => [pod.address]);
  await peers.refresh();
  expect(peers.withRoom).toEqual([]);
  pod.state.phase = 'serving';
  await peers.refresh();
  expect(peers.withRoom.map(({ address }) => address)).toEqual([pod.address]);
});
