import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { createKeyIdentity, readPeerKey } from '../../src/fleet/key-identity.ts';
import { agentFor, ask, claimOf, dialRaw, greetByHand, startPeer } from './peers.ts';

const identity = createKeyIdentity(randomBytes(32));
const stranger = createKeyIdentity(randomBytes(32));
const transcript = { client: claimOf('a:1'), server: claimOf('b:2') };

test('a proof holds for its role, both claims and the key, and for nothing else', async () => {
  const proof = await identity.prove('client', transcript);
  expect(await identity.check('client', transcript, proof)).toBe(true);
  expect(await identity.check('server', transcript, proof)).toBe(false);
  expect(await stranger.check('client', transcript, proof)).toBe(false);
  expect(await identity.check('client', transcript, proof.slice(1))).toBe(false);
  for (const role of ['client', 'server'] as const) {
    for (const part of ['challenge', 'address', 'nonce'] as const) {
      const other = { ...transcript, [role]: { ...transcript[role], [part]: 'another' } };
      expect(await identity.check('client', other, proof), `${role}'s ${part}`).toBe(false);
    }
  }
});

test('a client with another key is refused, and does not trust the server either', async () => {
  const server = await startPeer(identity);
  const agent = agentFor(server.address, stranger);
  await expect(ask(agent)).rejects.toMatchObject({ name: 'PeerError', code: 'bad-proof' });
  const { raw, proven } = await greetByHand(server.port, stranger);
  raw.send(proven, 'POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(await raw.rest()).toEqual(['{"refused":"bad-proof"}']);
  // The agent left before it had to prove anything.
  expect([...server.refused].sort()).toEqual(['bad-proof', 'no-proof']);
  expect(server.requests).toEqual([]);
});

test("a client that sends the server's own proof back is refused", async () => {
  const server = await startPeer(identity);
  const { raw, answer, proven } = await greetByHand(server.port, identity);
  raw.send({ ...proven, proof: answer.proof }, 'POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(await raw.rest()).toEqual(['{"refused":"bad-proof"}']);
  expect(server.refused).toEqual(['bad-proof']);
  expect(server.requests).toEqual([]);
});

test('a handshake that was recorded is good for nothing', async () => {
  const server = await startPeer(identity);
  const { raw, opening, proven } = await greetByHand(server.port, identity);
  raw.send(proven, 'GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await raw.rest();
  const replay = dialRaw(server.port);
  replay.send(opening, proven, 'GET /again HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await replay.rest()).slice(1)).toEqual(['{"refused":"bad-proof"}']);
  expect(server.refused).toEqual(['bad-proof']);
  expect(server.requests).toEqual(['GET /first']);
});

test('a key of fewer than 32 bytes is no key', () => {
  expect(() => createKeyIdentity(randomBytes(31))).toThrow('at least 32 bytes. Got 31.');
});

async function keyFile(content: string | Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-key-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'key'), content);
  return join(folder, 'key');
}

test('white space around the key in a file does not count, and any bytes may be in it', async () => {
  expect(await readPeerKey(await keyFile(`\n ${'k'.repeat(32)} \r\n`))).toEqual(Buffer.from('k'.repeat(32)));
  const bytes = Buffer.alloc(40, 0xfe);
  expect(await readPeerKey(await keyFile(bytes))).toEqual(bytes);
});

test('a file without a good key is a usage error that says what was found and what to do', async () => {
  const short = await keyFile(`${'k'.repeat(31)}\n`);
  const error = await readPeerKey(short).catch((found: unknown) => found);
  expect(error).toBeInstanceOf(UsageError);
  expect((error as UsageError).message).toBe(
    `--peer-identity key:${short}: the key must have at least 32 bytes. Found 31 in the file. ` +
      `Make one with: openssl rand -base64 48 > ${short}`,
  );
  await expect(readPeerKey('/nowhere/key')).rejects.toThrow(/key:\/nowhere\/key: cannot read the key: ENOENT/);
});
