import type { Report } from './report.ts';

/** Refusals stand for clients that wait for so long: they are asked to come back after about 5 s. */
const REFUSALS_MS = 5_000;

/** What a pod said last, and when; the refusals of before are kept to tell how many were new. */
export class Reading {
  #report: Report;
  #at: number;
  #refusals: { readonly at: number; readonly total: number }[];

  /** `at` is the time of the answer in milliseconds since the epoch. */
  constructor(report: Report, at: number) {
    this.#report = report;
    this.#at = at;
    this.#refusals = [{ at, total: report.refused }];
  }

  /** Takes a newer answer. */
  update(report: Report, at: number): void {
    // The container was started again, and counts from 0.
    if (report.refused < this.#report.refused) this.#refusals = [{ at: this.#at, total: 0 }];
    this.#refusals.push({ at, total: report.refused });
    while ((this.#refusals[1]?.at ?? at) <= at - REFUSALS_MS) this.#refusals.shift();
    this.#report = report;
    this.#at = at;
  }

  get report(): Report {
    return this.#report;
  }

  /** Milliseconds since the epoch. */
  get at(): number {
    return this.#at;
  }

  /** Slots held, and clients that wait for one. */
  demandAt(now: number): number {
    return this.#report.exported + this.waitingAt(now);
  }

  /** Clients that wait for a slot; of those that were refused it is only known for a short while. */
  waitingAt(now: number): number {
    const { waiting, refused } = this.#report;
    const oldest = this.#refusals[0];
    if (oldest === undefined || now - this.#at > REFUSALS_MS) return waiting;
    // After a gap the refusals are those of a longer time.
    const share = Math.min(1, REFUSALS_MS / Math.max(1, this.#at - oldest.at));
    return waiting + Math.round((refused - oldest.total) * share);
  }

  /** Of the parked sessions that a pod can keep, the share that it does keep; 0 where they are kept elsewhere. */
  get parkedShare(): number {
    const { parked, maxParked } = this.#report;
    return maxParked === undefined ? 0 : parked / maxParked;
  }
}
