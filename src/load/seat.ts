import type { Client, Era } from './clients/client.ts';
import { createClient } from './clients/create-client.ts';
import type { Counters } from './counters.ts';
import { type Outcome, outcomeOfError } from './outcome.ts';
import type { LoadPlan } from './plan.ts';
import type { Call } from './requests.ts';

const RESULT: Outcome = { kind: 'result' };

/** The place of one session: who leaves it is followed by another client. */
export class Seat {
  readonly #plan: LoadPlan;
  readonly #era: Era;
  readonly #slow: boolean;
  readonly #counters: Counters;
  #client: Client | undefined;
  #call: Call | undefined;
  #open = false;
  #leaving: Leave | undefined;
  #cut = false;

  constructor(plan: LoadPlan, index: number, counters: Counters) {
    this.#plan = plan;
    this.#era = plan.eras[index % plan.eras.length] as Era;
    this.#slow = index < plan.slow.readers;
    this.#counters = counters;
  }

  /** The client that sits here, if its session is open. */
  get client(): Client | undefined {
    return this.#open ? this.#client : undefined;
  }

  /** Opens a session, whose time counts from `begun`. */
  async open(begun: number): Promise<void> {
    if (this.#cut) return;
    const { url, headers, connection, streams, slow } = this.#plan;
    const client = createClient(this.#era, { url, headers, connection, stream: this.#counters });
    this.#client = client;
    try {
      await client.open();
    } catch (error) {
      this.#counters.opening.record(outcomeOfError(error), performance.now() - begun);
      // It may have got a session before it failed.
      if (this.#cut) client.vanish();
      else await client.close();
      return;
    }
    this.#counters.opening.record(RESULT, performance.now() - begun);
    if (this.#call !== undefined) client.prepare(this.#call);
    if (this.#slow) client.slowDown(slow.bytesPerSecond);
    if (streams) await this.#hold(client);
    this.#open = true;
  }

  async #hold(client: Client): Promise<void> {
    const begun = performance.now();
    try {
      await client.hold();
    } catch (error) {
      this.#counters.streams.record(outcomeOfError(error), performance.now() - begun);
    }
  }

  prepare(call: Call): void {
    this.#call = call;
    this.client?.prepare(call);
  }

  /** Makes the prepared call, whose latency counts from `begun`. */
  async call(begun: number): Promise<Outcome> {
    if (this.#client === undefined) throw new Error('Nobody sits here who could call.');
    const outcome = await this.#client.call();
    this.#counters.calls.record(outcome, performance.now() - begun);
    return outcome;
  }

  /** Asks the client to leave at `refresh`. */
  dismiss(how: Leave): void {
    this.#leaving = how;
  }

  /** Has the client leave that was asked to, or whose session is lost, and opens a session where there is none. */
  async refresh(): Promise<void> {
    const client = this.client;
    if (client !== undefined && this.#leaving === undefined && !client.lost) return;
    this.#open = false;
    if (client?.lost === true) this.#counters.left.lost++;
    else if (client !== undefined && this.#leaving !== undefined) this.#counters.left[this.#leaving]++;
    if (this.#leaving === 'deleted' && client?.lost === false) await client.close();
    else client?.vanish();
    this.#leaving = undefined;
    await this.open(performance.now());
  }

  /** Takes leave as the protocol has it. */
  async close(): Promise<void> {
    await this.client?.close();
  }

  /** Has what is under way fail at once, and opens no session any more; one that is open can still be closed. */
  cut(): void {
    this.#cut = true;
    this.#client?.vanish();
  }
}

/** Whether a client deletes its session, or goes without a word. */
export type Leave = 'deleted' | 'vanished';
