import { notAvailableYet } from '../config/serve-config.ts';
import { notInPods, settings } from './server-values.ts';

/** Keys that a reader of the documentation may know, that this version cannot serve, and what to say of them. */
export const notAvailable: ReadonlyMap<string, string> = new Map([
  ...['metrics', 'server.upstream', 'server.command'].map((path) => [path, 'is not available yet.'] as const),
  ...Object.keys(notAvailableYet)
    .filter((key) => !(settings as readonly string[]).includes(key))
    .map((key) => [`server.${key}`, 'is not available yet.'] as const),
  ...Object.entries(notInPods).map(([key, reason]) => [`server.${key}`, reason] as const),
]);
