import { ignoredSettings } from '../../config/ignored-settings.ts';
import { HELD_BYTES, PARKED_BYTES } from '../../config/memory-costs.ts';
import { type AskedConfig, parkedLimit } from '../../config/serve-config.ts';
import { HEADROOM, type SessionCost } from './cap-for.ts';
import type { Measured } from './measure-sessions.ts';

/** What is served, as far as its memory goes. */
export interface Served {
  readonly parkable: boolean;
  /** Whether it has processes of its own. */
  readonly processes: boolean;
}

/** What sessions need, in bytes. */
export interface Needs {
  readonly cost: SessionCost;
  /** What all of them need once, in V8's heap and beside it. */
  readonly once: { readonly heap: number; readonly beside: number };
}

/** What sessions need when all of them are in use, by what samples took and by what the settings let them take. */
export function needsOf({ each, shared }: Measured, config: AskedConfig, { parkable, processes }: Served): Needs {
  const { share, warmChildren, childMemory, maxParked } = config;
  const ignored = ignoredSettings({ ...config, source: undefined });
  const eventLog = ignored.has('maxEventLog') ? 0 : config.maxEventLog;
  // Those that a server which is full may have beside the sessions that are in use: given, or so many for each slot.
  const parked = parkable && !ignored.has('parkAfter') ? PARKED_BYTES : 0;
  const perSlot = maxParked === undefined ? parkedLimit({ maxParked, maxConnections: 1 }) : 0;
  // What each process may grow to, of which a session may have several, or what was seen: whichever is more.
  const grown = processes ? (childMemory ?? 0) : 0;
  const own = share || !processes ? 0 : Math.max(grown / HEADROOM, each.children);
  // One that is shared, or those that wait for their sessions.
  const others = share ? Math.max(grown, shared.children) : warmChildren * Math.max(grown, each.children);
  return {
    cost: {
      objects: each.heap + HELD_BYTES,
      records: eventLog + parked * perSlot,
      beside: each.external + own,
    },
    once: {
      heap: shared.heap + parked * (maxParked ?? 0),
      beside: shared.external + others,
    },
  };
}
