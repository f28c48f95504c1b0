import type { Phase } from './phase.ts';

/** What a pod says of itself whenever it opens a connection to a peer, answers one, or announces a change. */
export interface Hello {
  /** `host:port` of its peer listener, as its peers know it. */
  readonly address: string;
  /** Random, new with every start of the process. */
  readonly nonce: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Names the generation of the pod: the hash of its Deployment's template; empty outside of Kubernetes. */
  readonly template: string;
  readonly phase: Phase;
  /** Owner tags that it has seen lately, its own included, and how many milliseconds ago: other tags are nobody's. */
  readonly tags: Readonly<Record<string, number>>;
  /** Addresses of the peers that it knows. */
  readonly peers: readonly string[];
  /** The fleet's key for sealing `requestState`, and when it was made: the oldest one wins. */
  readonly secret: { readonly value: string; readonly madeAt: number };
}
