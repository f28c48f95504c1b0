import { isDeepStrictEqual } from 'node:util';
import { play } from './play.ts';
import type { Difference, Exchanged } from './retelling.ts';
import { type Observed, requestsOf, type SentRequest, type Side, type Step } from './script.ts';

/** What berth answered, and what the SDK did in berth's words. */
export interface Compared {
  readonly sent: SentRequest;
  readonly berth: Observed;
  readonly wanted: Observed;
}

/** Plays scripts against both servers, and tells the differences that it knows from those that nobody meant. */
export class Comparison {
  readonly #differences: Readonly<Record<string, Difference>>;
  readonly #met = new Set<string>();

  constructor(differences: Readonly<Record<string, Difference>>) {
    this.#differences = differences;
  }

  /** The differences that no script has come across. */
  get unmet(): readonly string[] {
    return Object.keys(this.#differences).filter((name) => !this.#met.has(name));
  }

  /** What both answer to each request. */
  async of(steps: readonly Step[], reference: Side, berth: Side): Promise<readonly Compared[]> {
    const asked = steps.map((step) => ('send' in step ? { send: this.#ask(step.send) } : step));
    const [told, answers] = await Promise.all([play(reference, asked), play(berth, steps)]);
    const all = requestsOf(steps).map((request, index) => ({
      ...request,
      reference: told[index] as Observed,
      berth: answers[index] as Observed,
    }));
    return all.map((one) => ({ sent: one.sent, berth: one.berth, wanted: this.#retell(one, all) }));
  }

  #ask(sent: SentRequest): SentRequest {
    return this.#apply(sent, ({ ask }, before) => ask?.(before) ?? before);
  }

  #retell(exchanged: Exchanged, all: readonly Exchanged[]): Observed {
    return this.#apply(exchanged.reference, ({ retell }, before) => retell?.(before, exchanged, all) ?? before);
  }

  #apply<T>(value: T, change: (difference: Difference, before: T) => T): T {
    let now = value;
    for (const [name, difference] of Object.entries(this.#differences)) {
      const next = change(difference, now);
      if (!isDeepStrictEqual(next, now)) this.#met.add(name);
      now = next;
    }
    return now;
  }
}
