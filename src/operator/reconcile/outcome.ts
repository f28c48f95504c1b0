import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { isRefusal } from './attempts.ts';
import type { Trouble } from './conditions.ts';
import type { OwnedObject } from './owned-object.ts';

export type Change = 'Created' | 'Changed' | 'Deleted';

/** No answer, or one that says nothing of the object: the next one would get the same. */
const OF_EVERYTHING = new Set([0, 401, 429]);
/** Somebody was faster, or what it belongs to is gone: looked at again, that is usually over. */
const OF_A_MOMENT = new Set([404, 409]);

/** What a pass over a fleet has come to so far. */
export class Outcome {
  readonly troubles: Trouble[] = [];
  readonly changes = new Map<Change, string[]>();
  waitsForTurn = false;
  /** Whether every pod is as the fleet wants it. */
  rolledOut = false;
  /** What to fail with in the end, so that all of it is tried again soon. */
  failure: KubeError | undefined;

  changed(what: Change, { kind, metadata }: KubernetesObject | OwnedObject): void {
    this.changes.set(what, [...(this.changes.get(what) ?? []), `${kind} ${metadata.name}`]);
  }

  /** Notes what became of one object, so that the others can go on. Throws an error that would be theirs as well. */
  failed({ kind, metadata }: KubernetesObject | OwnedObject, error: unknown): void {
    if (!(error instanceof KubeError) || OF_EVERYTHING.has(error.status)) throw error;
    if (!OF_A_MOMENT.has(error.status)) {
      const message = `${kind} ${metadata.name} was refused: ${error.message}`;
      this.troubles.push({ reason: 'ApplyRefused', message });
    }
    if (!isRefusal(error)) this.failure ??= error;
  }
}
