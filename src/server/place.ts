import type { WorkerSeat } from './worker-seat.ts';

/** Where a server finds itself: what it is not told by settings, but by whoever started it. */
export interface Place {
  /** For one of several workers on this machine. */
  readonly seat?: WorkerSeat | undefined;
  /** For a pod: the address that its peers reach it at. */
  readonly podIp?: string | undefined;
  /** For a pod: the hash of its Deployment's template. */
  readonly template?: string | undefined;
}
