import { notInPods } from './server-values.ts';

/** Keys that a reader of the documentation may know, that this version cannot serve, and what to say of them. */
export const notAvailable: ReadonlyMap<string, string> = new Map([
  ['metrics', 'is not available yet.'],
  ...Object.entries(notInPods).map(([key, reason]) => [`server.${key}`, reason] as const),
]);
