import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerSessionNotFound } from './answers.ts';

/** A request that was read to its end, so that it can be served here or passed on. */
export interface Work {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Its body as it came; none for GET and DELETE. */
  readonly body: string | undefined;
  /** Where a peer takes it, with a query; `/mcp` unless given. */
  readonly path?: string;
}

/** What becomes of work that this pod can not do by itself. */
export interface Elsewhere {
  /** Whether new work may find room on another pod. */
  readonly hasRoom: boolean;
  /** Whether nobody is left to ask, so that an idle session may be closed, or a request wait, for want of a slot. */
  readonly final: boolean;
  /** Whether a session that is not here may be somewhere, as far as its id tells. */
  mayKnow(id: string): boolean;
  /** Offers new work to others; resolves true when one of them has answered it. */
  offer(work: Work): Promise<boolean>;
  /** Has a request of a session that is not here answered; `again` serves it here, when the session came back. */
  serve(id: string, work: Work, again: () => void): void;
  /** Moves a parked session to a pod that has a slot for it; resolves false when there is none. */
  moveAway(id: string): Promise<boolean>;
}

/** A server without peers and store: what is not here is nowhere. */
export const alone: Elsewhere = {
  hasRoom: false,
  final: true,
  mayKnow: () => false,
  offer: async () => false,
  serve: (_id, { res }) => answerSessionNotFound(res),
  moveAway: async () => false,
};
