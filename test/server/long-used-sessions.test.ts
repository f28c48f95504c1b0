import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../fixtures/free-ports.ts';
import { redisForTest } from '../stores/pod.ts';
import { startLab } from './running.ts';
import { inSession, openSession, post, toolCall } from './wire.ts';

/** A session is used all the while, so that it is not idle for as long as this. */
const IDLE_MS = 4_000;

test.each([
  ['without a store', false],
  ['with a store', true],
])(
  'a session in use is known to new pods when its maker is gone for longer than it may be idle: %s',
  async (_how, stored) => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-key-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, randomBytes(48).toString('base64'));
    const ports = await freePorts(4);
    const settings = {
      sessionIdleTimeout: `${IDLE_MS}ms`,
      peers: ports.map((port) => `127.0.0.1:${port}`).join(','),
      peerIdentity: `key:${keyFile}`,
      ...(stored && { sessionStore: (await redisForTest()).url }),
    };
    const start = (index: number) =>
      startLab({ ...settings, peerPort: String(ports[index]) }, undefined, { sessions: 'parkable' });
    const [maker, holder] = await Promise.all([start(0), start(1)]);
    const id = await openSession(maker.url);
    const use = async (url: string) => (await post(url, toolCall(1, 'echo', { value: 'x' }), inSession(id))).status;
    await maker.stop();
    const useFor = async (ms: number) => {
      for (const end = performance.now() + ms; performance.now() < end; await sleep(200)) {
        expect(await use(holder.url)).toBe(200);
      }
    };
    await useFor(IDLE_MS * 1.5);
    // One is asked at once, the other when it has not heard of the maker for as long, but of its session.
    const [early, late] = [await start(2), await start(3)];
    expect(await use(early.url)).toBe(200);
    await useFor(IDLE_MS * 1.5);
    expect(await use(late.url)).toBe(200);
  },
);
