/** Of one pod: its connections, and when it was asked, in milliseconds since the epoch. */
export interface PodValue {
  readonly name: string;
  readonly value: number;
  readonly at: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Slots per pod that the autoscaler aims at, which a silent pod counts as at least, and slots to keep free. */
export interface DemandParameters {
  readonly target?: number;
  readonly buffer: number;
}

/** Where the metrics API has its numbers from. `unavailable` says why nothing may be told: the answer is 503. */
export interface MetricsSource {
  /** Of every pod of a namespace that has a value to show. `selector` is the canonical text of `selects`. */
  pods(
    namespace: string,
    selects: (labels: Readonly<Record<string, string>>) => boolean,
    selector: string,
  ): { readonly values: readonly PodValue[] } | { readonly unavailable: string };
  /** `undefined` when there is no such fleet. */
  demand(
    namespace: string,
    fleet: string,
    parameters: DemandParameters,
  ): { readonly value: number; readonly at: number } | { readonly unavailable: string } | undefined;
}
