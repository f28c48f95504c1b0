/** Which end of a connection: the one that dialled, or the one that answered. */
export type Role = 'client' | 'server';

/** What one end puts into a handshake before anything is proven. */
export interface Claim {
  /** Random, new for every connection: no proof is good for a second one. */
  readonly challenge: string;
  /** `host:port` of its peer listener. */
  readonly address: string;
  /** Of its process, as in its `Hello`. */
  readonly nonce: string;
}

/** What a proof is about: the claims of both ends of one connection. */
export type Transcript = Readonly<Record<Role, Claim>>;

/** How an end shows that it belongs to the fleet, and sees whether the other one does. */
export interface PeerIdentity {
  /** The proof that the end with this role sends; rejects when there is none to send. */
  prove(role: Role, transcript: Transcript): Promise<string>;
  /** Whether the end with this role sent a good proof. Never rejects. */
  check(role: Role, transcript: Transcript, proof: string): Promise<boolean>;
}
