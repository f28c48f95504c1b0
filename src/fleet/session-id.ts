import { createHash, randomBytes } from 'node:crypto';

/** 48 bits as base64url: enough to tell the pods of a fleet apart, too few to say anything about them. */
const TAG_LENGTH = 8;

/** The tag of an owner, from the address its peers know it by and a nonce of its own that changes with every start. */
export function ownerTag(peerAddress: string, bootNonce: string): string {
  return createHash('sha256').update(`${peerAddress}\n${bootNonce}`).digest('base64url').slice(0, TAG_LENGTH);
}

/** A session id: the owner's tag and 128 random bits, URL-safe. */
export function newSessionId(tag: string): string {
  return tag + randomBytes(16).toString('base64url');
}

/** The owner's tag in a session id; nothing when no pod made an id like that. */
export function tagOf(sessionId: string): string | undefined {
  return /^[\w-]{30}$/.test(sessionId) ? sessionId.slice(0, TAG_LENGTH) : undefined;
}
