import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createKeyIdentity } from '../../src/fleet/key-identity.ts';
import { newSessionId, ownerTag } from '../../src/fleet/session-id.ts';
import type { SessionSnapshot } from '../../src/fleet/session-snapshot.ts';
import { startPods } from '../fixtures/fleet-processes.ts';
import { agentFor, ask, dialRaw, helloOf, listenRaw } from '../fleet/peers.ts';
import { playPeer } from '../fleet/played-peer.ts';
import { mark, send } from '../processes/clients.ts';
import { startListedFleet } from './listed-fleet.ts';
import { eventually, type Lab } from './running.ts';
import { initialize, inSession, JSON_AND_EVENTS, openSession, post, toolCall, VERSION } from './wire.ts';

type Two = readonly [Lab, Lab];

const echo = toolCall(1, 'echo', { value: 'x' });
const statusOf = async (url: string, id: string) => (await post(url, echo, inSession(id))).status;
const random = (bytes: number) => randomBytes(bytes).toString('base64url');

describe('a session id', () => {
  test('with the right tag and other bits, or the right bits and another tag, is unknown on every pod', async () => {
    const { members, peer } = await startListedFleet(2);
    const [owner, other] = members as unknown as Two;
    const id = await openSession(owner.url);
    const tagOfOther = (await openSession(other.url)).slice(0, 8);
    const bits = id.slice(8);
    const flipped = `${id.slice(0, -1)}${id.endsWith('A') ? 'B' : 'A'}`;
    const ids = [id.slice(0, 8) + random(16), flipped, random(6) + bits, tagOfOther + bits, peer.tag + bits];
    const malformed = [
      `${id}A`,
      id.slice(1),
      `${id.slice(0, 8)}.${id.slice(9)}`,
      '../../berth/hello',
      'x'.repeat(4_000),
    ];
    for (const { url } of members) {
      for (const wrong of [...ids, ...malformed]) expect(await statusOf(url, wrong), wrong).toBe(404);
      expect(await statusOf(url, id)).toBe(200);
    }
  });

  test('with the tag of no peer costs nobody a question', async () => {
    const { members, peer } = await startListedFleet(2);
    for (const { url } of members) {
      for (let i = 0; i < 50; i++) expect(await statusOf(url, random(6) + random(16))).toBe(404);
    }
    expect([...peer.asked('/mcp'), ...peer.asked('/berth/find')]).toEqual([]);
  });
});

test('ids with the tag of a pod that is gone are searched for a hundred times a second, and no more', async () => {
  const { members, peer } = await startListedFleet(1, {}, { tags: { goneGone: 1 } });
  const [pod] = members as unknown as Two;
  const begun = performance.now();
  const statuses = await Promise.all(
    Array.from({ length: 600 }, () => send(pod.url, echo, inSession(`goneGone${random(16)}`))),
  );
  const seconds = (performance.now() - begun) / 1_000;
  const unknown = statuses.filter(({ status }) => status === 404).length;
  const refused = statuses.filter(({ status }) => status === 503).length;
  expect(unknown + refused).toBe(600);
  expect(refused).toBeGreaterThan(0);
  // A hundred at once, since none were needed before.
  expect(peer.asked('/berth/find').length).toBeGreaterThanOrEqual(100);
  expect(peer.asked('/berth/find').length).toBeLessThanOrEqual(100 * (seconds + 1) + 1);
  expect(await statusOf(pod.url, await openSession(pod.url))).toBe(200);
});

describe('the peer port', () => {
  test('answers nobody without the key, whatever they say', async () => {
    const { members, addresses, peer } = await startListedFleet(1);
    const [pod] = members as unknown as Two;
    const id = await openSession(pod.url);
    const [address = ''] = addresses;
    const refused = (reason: string) => pod.metric(`mcp_peer_calls_refused_total{reason="${reason}"}`);

    const plain = dialRaw(Number(address.split(':')[1]));
    const body = JSON.stringify(echo);
    plain.send(
      [
        ...['POST /mcp HTTP/1.1', 'Host: x', `Mcp-Session-Id: ${id}`, 'Content-Type: application/json'],
        ...['Accept: application/json, text/event-stream', `Content-Length: ${body.length}`, '', body],
      ].join('\r\n'),
    );
    expect((await plain.rest()).join('\n')).not.toContain('"result"');
    expect(await refused('no-proof')).toBe(1);

    const stranger = createKeyIdentity(randomBytes(48));
    const hello = () => helloOf(peer.address);
    await expect(ask(agentFor(address, stranger, { hello }), body)).rejects.toMatchObject({ code: 'bad-proof' });
    // It left when the pod could not prove itself.
    await eventually(
      () => refused('no-proof'),
      (count) => count === 2,
    );
    await expect(ask(agentFor(address, stranger), body)).rejects.toMatchObject({ code: 'refused' });
    await eventually(
      () => refused('unknown-address'),
      (count) => count === 1,
    );
    expect((await pod.counts()).sessions.active).toBe(1);
  });

  test('refuses a session that is out of date, and takes the same one once', async () => {
    const { members, addresses, peer } = await startListedFleet(1);
    const [pod] = members as unknown as Two;
    const [address = ''] = addresses;
    const id = newSessionId(peer.tag);
    const handOver = (epoch: number, calls: number) =>
      peer.ask(address, '/berth/sessions', {
        snapshot: snapshotOf(id, epoch, calls),
        heard: [],
        active: true,
        overCap: false,
      });
    const arrived = () => pod.metric('mcp_sessions_arrived_total{from="peer"}');
    const stale = () => pod.metric('mcp_peer_calls_refused_total{reason="stale-epoch"}');

    expect(await handOver(5, 10)).toBe(200);
    expect(await handOver(5, 10)).toBe(200);
    expect([await arrived(), (await pod.counts()).active]).toEqual([1, 1]);
    expect(await handOver(4, 99)).toBe(409);
    expect(await handOver(0, 99)).toBe(409);
    expect(await stale()).toBe(2);
    const counted = await post(pod.url, toolCall(1, 'session'), inSession(id));
    expect(await counted.text()).toContain(`${id}:11`);
    // It went on from here, and what a late copy of the first hand-over says is what is here already.
    expect(await handOver(5, 10)).toBe(200);
    expect(await (await post(pod.url, toolCall(2, 'session'), inSession(id))).text()).toContain(`${id}:12`);
    expect(await handOver(6, 20)).toBe(200);
    expect(await (await post(pod.url, toolCall(3, 'session'), inSession(id))).text()).toContain(`${id}:21`);
    expect([await arrived(), await stale(), (await pod.counts()).active]).toEqual([2, 2, 1]);
  });

  test('answers 400 to a peer that sends nonsense, and goes on', async () => {
    const { members, addresses, peer } = await startListedFleet(1);
    const [pod] = members as unknown as Two;
    const [address = ''] = addresses;
    for (const path of ['/berth/sessions', '/berth/find', '/berth/moves']) {
      expect(await peer.ask(address, path, 7), path).toBeGreaterThanOrEqual(200);
    }
    expect(await peer.ask(address, '/berth/sessions', { snapshot: {} })).toBe(400);
    expect(await peer.ask(address, '/berth/nothing', {})).toBe(404);
    expect(await statusOf(pod.url, await openSession(pod.url))).toBe(200);
  });
});

function snapshotOf(id: string, epoch: number, calls: number): SessionSnapshot {
  return {
    record: {
      id,
      epoch,
      protocolVersion: VERSION,
      announces: [],
      initialize: initialize().params,
      subject: undefined,
      logLevel: undefined,
      subscriptions: [],
      state: { calls },
      openedAt: Date.now(),
    },
    log: { sequence: 0, trimmedTo: 0, lastStream: 0, listened: false, events: [] },
  };
}

interface Forged {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a request whose target and headers may be anything; answers its status and headers, or why there is none. */
function forge(origin: string, { method = 'POST', path = '/mcp', headers = {} }: Forged, body?: string) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve) => {
    const { hostname, port } = new URL(origin);
    const req = request({
      host: hostname,
      port,
      method,
      path,
      headers: { ...JSON_AND_EVENTS, ...headers },
      agent: false,
    });
    req.once('error', () => resolve({ status: 0, headers: {} }));
    req.once('connect', (res, socket) => {
      socket.destroy();
      resolve({ status: res.statusCode ?? 0, headers: res.headers });
    });
    req.once('response', (res) => {
      res.resume();
      res.once('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers }));
    });
    req.end(body);
  });
}

test('nothing that a client or a peer names makes a pod call an address that is no peer', async () => {
  const trap = await listenRaw(() => {});
  const moved = `moved 9 ${trap.address}`;
  const { members, peer } = await startListedFleet(
    2,
    { allowedHosts: '*' },
    {
      tags: { goneGone: 1 },
      mcp: (res) => void res.writeHead(421, { 'x-berth-answer': moved }).end(),
      find: () => ({ address: trap.address, epoch: 9 }),
    },
  );
  const [owner, edge] = members as unknown as Two;
  const real = await openSession(owner.url);
  const trapped = ownerTag(trap.address, 'nonce') + random(16);
  const body = JSON.stringify(echo);
  const names: Readonly<Record<string, string>>[] = [
    { 'x-berth-answer': moved },
    { 'x-berth-answer': 'full' },
    { 'x-berth-for': trap.address, 'x-berth-peer': trap.address, 'x-berth-owner': trap.address },
    { host: trap.address },
    { 'x-forwarded-host': trap.address, 'x-forwarded-for': trap.address, forwarded: `host=${trap.address}` },
    { connection: 'x-berth-answer', 'x-berth-answer': moved },
  ];
  for (const headers of names) {
    // A session of another pod, so that the request goes on from here.
    for (const { origin } of [owner, edge]) {
      const answer = await forge(origin, { headers: { ...headers, ...inSession(real) } }, body);
      expect(answer.status, JSON.stringify(headers)).toBe(200);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-berth'))).toEqual([]);
    }
    for (const id of [peer.tag + random(16), `goneGone${random(16)}`]) {
      const { status } = await forge(edge.origin, { headers: { ...headers, ...inSession(id) } }, body);
      expect([404, 503], JSON.stringify(headers)).toContain(status);
    }
    for (const id of [trapped, trap.address, `http://${trap.address}/`]) {
      expect((await forge(edge.origin, { headers: { ...headers, ...inSession(id) } }, body)).status).toBe(404);
    }
  }
  for (const path of [`http://${trap.address}/mcp`, `http://${trap.address}/berth/hello`, `//${trap.address}/mcp`]) {
    const { status } = await forge(edge.origin, { path, headers: inSession(real) }, body);
    expect([200, 400, 403, 404], path).toContain(status);
  }
  for (const path of ['/berth/hello', '/berth/sessions', '/berth/find', '/berth/moves', '/berth/alive']) {
    expect((await forge(edge.origin, { path }, JSON.stringify({ address: trap.address }))).status).toBe(404);
  }
  await forge(edge.origin, { method: 'CONNECT', path: trap.address });
  const passed = peer.asked('/mcp');
  expect(passed.length).toBeGreaterThanOrEqual(names.length);
  expect(passed.flatMap(({ headers }) => Object.keys(headers)).filter((name) => name.startsWith('x-berth'))).toEqual(
    [],
  );
  expect(peer.asked('/berth/find').length).toBeGreaterThan(0);
  expect(trap.sockets.size).toBe(0);
  expect(await statusOf(edge.url, real)).toBe(200);
});

/** Of made-up ids; few of them are worth asking another pod for. */
const FLOOD_PER_SECOND = Number(process.env['FLOOD_PER_SECOND'] ?? 10_000);
const FLOOD_MS = 2_000;
const FLOODS = 3;

/** Calls are this much slower, at most, than in a flood of what costs a server the least. */
const MOST_SLOWER = 4;
/** What nobody notices, however much faster the other flood is. */
const UNNOTICED_MS = 100;

/**
 * Floods the pods once, with ids of these tags or, without any, with what costs a server the least; answers what became of
 * it and of the calls that `watch` makes meanwhile.
 */
async function floodWhile<T>(
  urls: readonly string[],
  tags: readonly string[] | undefined,
  watch: (until: () => boolean) => T,
) {
  const flood = fork(fileURLToPath(new URL('../fixtures/flood.ts', import.meta.url)), [
    ...[urls.join(','), String(FLOOD_PER_SECOND), String(FLOOD_MS)],
    ...(tags === undefined ? [] : [tags.join(',')]),
  ]);
  onTestFinished(() => void flood.kill());
  let said: { sent: number; statuses: Record<string, number>; seconds: number } | undefined;
  flood.once('message', (message: typeof said) => {
    said = message;
  });
  const latest = performance.now() + 4 * FLOOD_MS;
  const during = await watch(() => said !== undefined || performance.now() > latest);
  return { sent: 0, statuses: {} as Record<string, number>, ...said, during };
}

test('thousands of made-up ids a second are unknown to everybody, and those who have a session do not notice', {
  timeout: 60_000,
}, async () => {
  const key = random(48);
  const peer = await playPeer(key, { tags: { goneGone: 1 } });
  const { pods, addresses } = await startPods(3, { key, played: [peer.address] });
  const urls = pods.map(({ url }) => url);
  const ids = (await Promise.all(urls.flatMap((url) => [0, 1, 2].map(() => openSession(url))))).flat();
  const heaps = () => Promise.all(pods.map((pod) => pod.heap()));

  /** Milliseconds of each call of the clients that have a session, until told to stop. */
  const watch = async (until: () => boolean) => {
    const took: number[] = [];
    const failed: number[] = [];
    const client = async (id: string, number: number) => {
      for (let i = 0; !until(); i++) {
        const begun = performance.now();
        const { status } = await mark(urls[(number + i) % 3] ?? '', id, `${number}-${i}`);
        took.push(performance.now() - begun);
        if (status !== 200) failed.push(status);
        await sleep(20);
      }
    };
    await Promise.all(ids.map(client));
    took.sort((a, b) => a - b);
    const quantile = (share: number) => Math.round((took[Math.floor(took.length * share)] ?? 0) * 10) / 10;
    return { failed, calls: took.length, p50: quantile(0.5), p99: quantile(0.99) };
  };
  const quietEnd = performance.now() + 1_000;
  const before = await watch(() => performance.now() > quietEnd);
  const heapsBefore = await heaps();

  const tags = ['goneGone', ...ids.map((id) => id.slice(0, 8)), peer.tag];
  const rounds = [];
  const others = [];
  let seconds = 0;
  for (let i = 0; i < FLOODS; i++) {
    others.push(await floodWhile(urls, undefined, watch));
    const begun = performance.now();
    rounds.push(await floodWhile(urls, tags, watch));
    seconds += (performance.now() - begun) / 1_000;
  }
  const heapsAfter = await heaps();

  console.info(JSON.stringify({ before, others, rounds }));
  for (const { sent, statuses, during } of rounds) {
    expect(sent).toBeGreaterThanOrEqual(Math.floor((FLOOD_PER_SECOND * FLOOD_MS) / 1_000));
    expect((statuses['404'] ?? 0) + (statuses['503'] ?? 0)).toBe(sent);
    expect(during.failed).toEqual([]);
  }
  expect(before.failed).toEqual([]);
  // On a machine that others use as well, the slowest calls of one round say little, and their time says something about it.
  const [, p99] = rounds.map(({ during }) => during.p99).toSorted((a, b) => a - b);
  const [, otherwise = 0] = others.map(({ during }) => during.p99).toSorted((a, b) => a - b);
  expect(p99).toBeLessThan(Math.max(UNNOTICED_MS, MOST_SLOWER * otherwise));
  // Each pod may ask for a hundred a second, and for a hundred that it saved up before each flood.
  for (const address of addresses) {
    const finds = peer.asked('/berth/find').filter(({ by }) => by === address).length;
    expect(finds).toBeLessThanOrEqual(100 * (seconds + FLOODS) + 1);
  }
  // Nothing is kept of an id that nobody has: 400 bytes of each would be seen.
  for (const [index, bytes] of heapsAfter.entries()) {
    expect(bytes - (heapsBefore[index] ?? 0)).toBeLessThan(FLOOD_PER_SECOND * (FLOOD_MS / 1_000) * FLOODS * 400);
  }
});
