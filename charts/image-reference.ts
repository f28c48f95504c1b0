import type { Values } from '../src/values/schema.ts';

/** `repository:tag@digest`, each part that is given. */
export function imageReference({ repository, tag, digest }: Values['image']): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
