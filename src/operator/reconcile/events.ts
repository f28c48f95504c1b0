import type { Logger } from 'pino';
import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { microTime } from '../../kube/micro-time.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';

/**
 * What `kubectl describe` shows of an object's past. Events that cannot be written are logged, and nothing waits for
 * them.
 */
export interface Events {
  record(fleet: McpFleetResource, event: { type: 'Normal' | 'Warning'; reason: string; note: string }): void;
}

export interface EventsOptions {
  readonly api: KubeApi;
  /** Of this process. */
  readonly identity: string;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Bytes: the most that Kubernetes takes. */
const LONGEST_NOTE = 1_024;
/** The same is not said again for so long: what is done and undone all the time would fill the list. */
const REPEAT_MS = 600_000;

/** Writes Events (events.k8s.io/v1) in the name of this process. */
export function createEvents({ api, identity, log, clock }: EventsOptions): Events {
  const said = new Map<string, number>();
  return {
    record({ apiVersion, kind, metadata }, { type, reason, note }) {
      const { namespace = '', name, uid } = metadata;
      const now = clock();
      if (!isNew(said, `${uid} ${reason} ${note}`, now)) return;
      const random = Math.floor(Math.random() * 0xffff).toString(16);
      const event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: `${name}.${now.toString(16)}${random}`, namespace },
        eventTime: microTime(now),
        reportingController: 'berth.dev/operator',
        reportingInstance: identity,
        action: 'Reconcile',
        regarding: { apiVersion, kind, namespace, name, uid },
        ...{ type, reason, note: shortened(note) },
      };
      api.create(kinds.event, event, { namespace }).catch((error: unknown) => {
        if (!(error instanceof KubeError)) throw error;
        log.warn({ namespace, name, reason, error: error.message }, 'Failed to record Event');
      });
    },
  };
}

function isNew(said: Map<string, number>, key: string, now: number): boolean {
  // In the order in which they were said.
  for (const [old, at] of said) {
    if (now - at < REPEAT_MS) break;
    said.delete(old);
  }
  if (said.has(key)) return false;
  said.set(key, now);
  return true;
}

/** As much of a text as fits, in whole characters. */
function shortened(note: string): string {
  return note.slice(0, new TextEncoder().encodeInto(note, new Uint8Array(LONGEST_NOTE)).read);
}
