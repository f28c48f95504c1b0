import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../config/problems.ts';
import type { PeerIdentity, Role, Transcript } from './identity.ts';

/** As many as the hash has: a shorter key would be the weakest part. */
const MIN_KEY_BYTES = 32;

/** Ends that hold the same key of at least 32 bytes. The key itself never leaves a process. */
export function createKeyIdentity(key: Uint8Array): PeerIdentity {
  if (key.length < MIN_KEY_BYTES) {
    throw new RangeError(`A peer key must have at least ${MIN_KEY_BYTES} bytes. Got ${key.length}.`);
  }
  return {
    prove: async (role, transcript) => answer(key, role, transcript).toString('base64url'),
    check: async (role, transcript, proof) => {
      const expected = answer(key, role, transcript);
      const found = Buffer.from(proof, 'base64url');
      return found.length === expected.length && timingSafeEqual(found, expected);
    },
  };
}

/** The role keeps an end from sending a proof back to who made it; the challenges keep it from using one twice. */
function answer(key: Uint8Array, role: Role, { client, server }: Transcript): Buffer {
  const ends = [client, server].flatMap(({ challenge, address, nonce }) => [challenge, address, nonce]);
  return createHmac('sha256', key)
    .update(JSON.stringify(['berth/1', role, ...ends]))
    .digest();
}

/** The key in the file of `--peer-identity key:FILE`, without white space around it. */
export async function readPeerKey(file: string): Promise<Uint8Array> {
  const flag = `--peer-identity key:${file}`;
  const advice = `Make one with: openssl rand -base64 48 > ${file}`;
  // Read as Latin-1, every byte is one character, so that a key of any bytes stays what it is.
  const text = await readFile(file, 'latin1').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError([`${flag}: cannot read the key: ${error.code ?? error.message}. ${advice}`]);
  });
  const key = Buffer.from(text.trim(), 'latin1');
  if (key.length < MIN_KEY_BYTES) {
    throw new UsageError([
      `${flag}: the key must have at least ${MIN_KEY_BYTES} bytes. Found ${key.length} in the file. ${advice}`,
    ]);
  }
  return key;
}
