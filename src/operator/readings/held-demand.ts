/** Questions that are remembered; beyond it those that have not been asked for the longest are forgotten. */
const MOST_REMEMBERED = 10_000;

/** A number that is to be told. */
export interface Question {
  /** What tells it from all other questions. */
  readonly question: string;
  readonly value: number;
  /** The pods there are that are to stay. */
  readonly pods: number;
  /** What an autoscaler wants each of them to hold. */
  readonly perPod: number;
  /** Whether those would go that should, if so many pods went. */
  mayLose(pods: number): boolean;
}

/** Keeps the demand that is told from taking the wrong pods away. */
export class HeldDemand {
  /** The last number told for each question that kept every pod. */
  readonly #kept = new Map<string, number>();

  /** The number to tell; `undefined` when there is none that would do no harm. */
  pass({ question, value, pods, perPod, mayLose }: Question): number | undefined {
    const fewer = pods - Math.ceil(value / perPod);
    if (fewer <= 0) {
      this.#remember(question, value);
      return value;
    }
    if (mayLose(fewer)) return value;
    const kept = this.#kept.get(question);
    // No more than keeps the pods there are: in a rollout there are more of them than there should be.
    return kept === undefined ? undefined : Math.max(value, Math.min(kept, perPod * pods));
  }

  #remember(question: string, value: number): void {
    this.#kept.delete(question);
    this.#kept.set(question, value);
    if (this.#kept.size <= MOST_REMEMBERED) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}
