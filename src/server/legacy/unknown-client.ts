import berth from '../../../package.json' with { type: 'json' };
import type { SessionRecord } from '../../fleet/session-snapshot.ts';

/** The record of a session that no client has introduced itself to. */
export function recordOfUnknown(id: string, protocolVersion: string): SessionRecord {
  return {
    id,
    epoch: 0,
    protocolVersion,
    announces: [],
    initialize: { protocolVersion, capabilities: {}, clientInfo: { name: 'berth', version: berth.version } },
    subject: undefined,
    logLevel: undefined,
    subscriptions: [],
    state: {},
    openedAt: Date.now(),
  };
}
