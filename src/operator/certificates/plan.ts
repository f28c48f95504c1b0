import { isDeepStrictEqual } from 'node:util';
import type { Generation } from './generation.ts';
import type { HeldSince } from './held-since.ts';
import { fingerprintOf, readCertificates } from './pem.ts';
import { type SecretContent, type SecretData, writeContent } from './secret-content.ts';

/**
 * `create`: nothing in the Secret may be served, so it is made anew. `stage`: the next authority joins the bundle.
 * `promote`: the next certificate is served. `drop`: the previous authority leaves the bundle.
 * `tidy`: what is broken, expired or foreign beside a good certificate is taken out.
 */
export type Step = 'create' | 'stage' | 'promote' | 'drop' | 'tidy';

export interface Situation {
  readonly content: SecretContent;
  /** What is in the Secret now. */
  readonly data: SecretData;
  readonly heldSince: HeldSince;
  /** What each replica serves, by SHA-256 fingerprint; `undefined` for one that could not be asked. */
  readonly served: readonly (string | undefined)[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Plan {
  readonly step: Step | undefined;
  /** When something may have to be done that no change of the Secret will tell of; milliseconds since 1970. */
  readonly lookAgainAt: number;
}

/** How long an API server may take to verify with a bundle after it was stored. */
export const SETTLE_MS = 10_000;
/** How often others are asked while a step waits for them. */
const ASK_AGAIN_MS = 5_000;

/** The next step of a rotation, from nothing but what can be seen: any leader may take it, at any time. */
export function planRotation({ content, data, heldSince, served, now }: Situation): Plan {
  const { current, next, previous } = content;
  const take = (step: Step): Plan => ({ step, lookAgainAt: now });
  if (current === undefined) return take('create');
  if (!isDeepStrictEqual(data, writeContent(content))) return take('tidy');

  const waits: number[] = [];
  if (previous.length > 0) {
    const wanted = fingerprintOf(current.certificate);
    if (served.length > 0 && served.every((fingerprint) => fingerprint === wanted)) return take('drop');
    waits.push(now + ASK_AGAIN_MS);
  }
  if (next === undefined) {
    const due = stageAt(current);
    if (now >= due) return take('stage');
    waits.push(due);
  } else {
    const since = heldSince.get(fingerprintOf(next.ca) ?? '');
    if (since !== undefined && now >= since + SETTLE_MS) return take('promote');
    waits.push(since === undefined ? now + ASK_AGAIN_MS : since + SETTLE_MS);
  }
  return { step: undefined, lookAgainAt: Math.min(...waits) };
}

/** What the Secret should say after a step; `make` is asked for a new generation where the step needs one. */
export async function takeStep(
  step: Step,
  content: SecretContent,
  make: () => Promise<Generation>,
): Promise<SecretContent> {
  const { current, next, previous } = content;
  switch (step) {
    case 'create':
      return { current: await make(), next: undefined, previous: [] };
    case 'stage':
      return { ...content, next: await make() };
    case 'promote':
      return { current: next, next: undefined, previous: current ? [current.ca, ...previous] : previous };
    case 'drop':
      return { ...content, previous: [] };
    case 'tidy':
      return content;
  }
}

/** A third before the end. */
function stageAt({ certificate }: Generation): number {
  const [leaf] = readCertificates(certificate);
  if (leaf === undefined) return 0;
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return to - (to - from) / 3;
}
