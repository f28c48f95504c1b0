import type { Logger } from 'pino';
import { pause } from '../../kube/pause.ts';
import { Alarm } from './alarm.ts';
import type { CertificateStore } from './certificate-store.ts';
import type { Generation } from './generation.ts';
import { carryOn, type HeldSince } from './held-since.ts';
import { planRotation, type Step, takeStep } from './plan.ts';
import { bundleOf, type SecretContent } from './secret-content.ts';

export interface KeepCertificatesOptions {
  readonly store: Pick<CertificateStore, 'name' | 'read' | 'write' | 'watch'>;
  /** The bundles (PEM) that verify the replicas now; rejects when that cannot be told. */
  bundles(signal: AbortSignal): Promise<readonly string[]>;
  /** What each replica serves, by SHA-256 fingerprint; `undefined` for one that could not be asked. */
  served(signal: AbortSignal): Promise<readonly (string | undefined)[]>;
  /** Makes a new generation, good from about `now`. */
  make(now: number): Promise<Generation>;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** A watch may miss a change, and a clock may be set. */
const LONGEST_SLEEP_MS = 60_000;
/** Between passes at least: a step that does not last must not be taken in a tight loop. */
const PAUSE_MS = 1_000;
const RETRY_MS = 5_000;
const NOTHING: SecretContent = { current: undefined, next: undefined, previous: [] };

const DONE: Readonly<Record<Step, string>> = {
  create: 'Created certificate',
  stage: 'Staged the next certificate',
  promote: 'Promoted the next certificate',
  drop: 'Dropped the previous authority',
  tidy: 'Tidied the certificates',
};

/** Makes and rotates the operator's certificates for as long as this replica leads. */
export async function keepCertificates(options: KeepCertificatesOptions, signal: AbortSignal): Promise<void> {
  const { store, log, clock } = options;
  const alarm = new Alarm();
  store.watch(() => alarm.ring(), signal);
  let heldSince: HeldSince = new Map();

  const pass = async (): Promise<number> => {
    const stored = await store.read(signal);
    const content = stored?.content ?? NOTHING;
    // Forgotten first: what cannot be asked for now is not known to have been held all along.
    const before = heldSince;
    heldSince = new Map();
    // Others are asked only when a step waits for them.
    if (content.next) heldSince = carryOn(before, bundleOf(content), await options.bundles(signal), clock());
    const served = content.previous.length > 0 ? await options.served(signal) : [];
    const { step, lookAgainAt } = planRotation({ content, data: stored?.data ?? {}, heldSince, served, now: clock() });
    if (step === undefined) return lookAgainAt;
    const after = await takeStep(step, content, () => options.make(clock()));
    if (!(await store.write(stored, after, signal))) log.info({ step }, 'Found certificates changed by another');
    else log.info({ kind: 'Secret', name: store.name }, DONE[step]);
    return clock();
  };

  while (!signal.aborted) {
    let lookAgainAt = clock() + RETRY_MS;
    try {
      lookAgainAt = await pass();
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, 'Failed to keep certificates');
    }
    await pause(PAUSE_MS, signal);
    await alarm.sleep(Math.min(Math.max(lookAgainAt - clock(), 0), LONGEST_SLEEP_MS), signal);
  }
}
