import type { Logger } from 'pino';
import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { microTime } from '../../kube/micro-time.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';

/** What `kubectl describe` shows of an object's past. Events that cannot be written are logged, and nothing waits for them. */
export interface Events {
  record(fleet: McpFleetResource, event: { type: 'Normal' | 'Warning'; reason: string; note: string }): void;
}

/** The most that Kubernetes takes. */
const LONGEST_NOTE = 1_024;

/** Writes Events (events.k8s.io/v1) in the name of this process. */
export function createEvents(api: KubeApi, identity: string, log: Logger): Events {
  return {
    record({ apiVersion, kind, metadata }, { type, reason, note }) {
      const { namespace = '', name, uid } = metadata;
      const now = new Date();
      const event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: {
          name: `${name}.${now.getTime().toString(16)}${Math.floor(Math.random() * 0xffff).toString(16)}`,
          namespace,
        },
        eventTime: microTime(now.getTime()),
        reportingController: 'berth.dev/operator',
        reportingInstance: identity,
        action: 'Reconcile',
        regarding: { apiVersion, kind, namespace, name, uid },
        ...{ type, reason, note: note.slice(0, LONGEST_NOTE) },
      };
      api.create(kinds.event, event, { namespace }).catch((error: unknown) => {
        if (!(error instanceof KubeError)) throw error;
        log.warn({ namespace, name, reason, error: error.message }, 'Failed to record Event');
      });
    },
  };
}
