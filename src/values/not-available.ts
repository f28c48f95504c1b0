import { notInPods } from './server-values.ts';

/** Keys that a reader of the documentation may know, that this version cannot serve, and what to say of them. */
export const notAvailable: ReadonlyMap<string, string> = new Map([
  ['metrics', 'is not available yet.'],
  ...Object.entries(notInPods).map(([key, reason]) => [`server.${key}`, reason] as const),
]);

/** What the flag of the same name takes and a values file can not have: how the schema refuses it, and what to say. */
export const onlyFlags: ReadonlyMap<string, string> = new Map([
  [
    'server.maxConnections must be a number. Got "auto".',
    'must be a number: the autoscaler’s target, the memory of the pods and the operator go by it before there is a pod. Run berth serve --max-connections auto in a container with the memory that the pods are to have, and give the number that it logs. Got "auto".',
  ],
]);
