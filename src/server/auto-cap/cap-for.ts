/** What one session takes when it is in use, in bytes. */
export interface SessionCost {
  /** In V8's heap: its server object, and what holds its connections. */
  readonly objects: number;
  /** In V8's heap as well, as much as settings allow: its event log, and the records of parked sessions. */
  readonly records: number;
  /** Beside the heap: buffers, the processes of a command. */
  readonly beside: number;
}

/** What a server has to hold its sessions in, in bytes. */
export interface Room {
  /** Memory that its process may use, with the processes that it starts. */
  readonly memory: number;
  /** What all that lives for long may take of V8's heap. */
  readonly heap: number;
  /** What is taken before there is any session. */
  readonly atRest: { readonly memory: number; readonly heap: number };
}

export interface Cap {
  /** From 1 to 1,000,000. */
  readonly maxConnections: number;
  /** What would be exceeded by more; `least` when there is no room for even one. */
  readonly boundBy: 'memory' | 'heap' | 'most' | 'least';
}

const MOST_CONNECTIONS = 1_000_000;
/**
 * Half is kept free, for request bodies, unread streams and bursts of calls, and so that collections stay short: what lives
 * fills half of the heap, and what is there at rest leaves garbage as well.
 */
export const HEADROOM = 2;
/**
 * While its limit is far, V8 collects late, and what opening sessions leaves behind is several times what they hold
 * (measured in docs/decisions/0013).
 */
const GARBAGE = 4;

/** The sessions that fit into the memory and into V8's heap. */
export function capFor({ memory, heap, atRest }: Room, { objects, records, beside }: SessionCost): Cap {
  const freeMemory = memory - atRest.memory - (HEADROOM - 1) * atRest.heap;
  const inMemory = freeMemory / (GARBAGE * objects + HEADROOM * (records + beside));
  const inHeap = (heap / HEADROOM - atRest.heap) / (objects + records);
  const fitting = Math.floor(Math.min(inMemory, inHeap));
  if (fitting < 1) return { maxConnections: 1, boundBy: 'least' };
  if (fitting > MOST_CONNECTIONS) return { maxConnections: MOST_CONNECTIONS, boundBy: 'most' };
  return { maxConnections: fitting, boundBy: inHeap < inMemory ? 'heap' : 'memory' };
}
