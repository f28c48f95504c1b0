import type { Problem } from '../config/problems.ts';
import type { Values } from './schema.ts';

/** A rule over more than one key. */
export interface Check {
  /** The keys it reads: when one of them is itself wrong, the rule would only confuse. */
  readonly reads: readonly string[];
  /** What is wrong, each a problem whose message says what would happen. */
  find(values: Values): readonly Problem[];
}

/** One problem when `wrong`, none otherwise. */
export function when(wrong: boolean, path: string, message: () => string): readonly Problem[] {
  return wrong ? [{ path, message: message() }] : [];
}
