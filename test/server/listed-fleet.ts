import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePorts } from '../fixtures/free-ports.ts';
import { type PlayedPeer, type PlayedPeerOptions, playPeer } from '../fleet/played-peer.ts';
import { type Lab, type Settings, startLab } from './running.ts';

export interface ListedFleet {
  readonly members: readonly Lab[];
  /** Where peers reach each of them. */
  readonly addresses: readonly string[];
  /** One more of the list, played by the test. */
  readonly peer: PlayedPeer;
}

/** Starts pods in this process that have a list of peers and a key, the last of the list played by the test. */
export async function startListedFleet(
  size: number,
  settings: Settings = {},
  options: PlayedPeerOptions = {},
  /** What each serves instead of the lab. */
  exported?: unknown,
): Promise<ListedFleet> {
  const key = randomBytes(48).toString('base64');
  const folder = await mkdtemp(join(tmpdir(), 'berth-key-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, key);
  const peer = await playPeer(key, options);
  const ports = await freePorts(size);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const fleet: Settings = { peers: [...addresses, peer.address].join(','), peerIdentity: `key:${keyFile}` };
  const members = await Promise.all(
    ports.map((port) =>
      startLab({ ...settings, ...fleet, peerPort: String(port) }, exported, { sessions: 'parkable' }),
    ),
  );
  return { members, addresses, peer };
}
