import type { FleetUnderTest } from './fleet.ts';
import { LabClient, type LabTally, sumOf } from './lab-client.ts';

const OPENED_AT_ONCE = 20;
const PAUSE_MS = 1_000;

/** Clients of a lab that come and go, and never try anything twice. Each holds a stream, and with it a slot. */
export class LabCrowd {
  readonly #fleet: FleetUnderTest;
  readonly #working: { readonly stop: AbortController; readonly over: Promise<LabTally> }[] = [];
  readonly #tallies: LabTally[] = [];
  #opened = 0;

  constructor(fleet: FleetUnderTest) {
    this.#fleet = fleet;
  }

  get size(): number {
    return this.#working.length;
  }

  /** Has so many more clients open a session and work; rejects when one is not admitted. */
  async grow(count: number): Promise<void> {
    const [address, url] = [await this.#fleet.address(), await this.#fleet.url('/mcp')];
    const clients = Array.from({ length: count }, () => {
      const route = { address, keepAlive: this.#opened++ % 2 === 0 };
      return new LabClient({ url, route, listens: true, seconds: () => 0, pause: PAUSE_MS });
    });
    for (let i = 0; i < clients.length; i += OPENED_AT_ONCE)
      await Promise.all(clients.slice(i, i + OPENED_AT_ONCE).map((client) => client.open()));
    for (const client of clients) {
      const stop = new AbortController();
      this.#working.push({ stop, over: client.work(stop.signal) });
    }
  }

  /** Has clients end their sessions until so many are left, of those that came early as of those that came late. */
  async shrinkTo(count: number): Promise<void> {
    const every = this.#working.length / Math.max(1, count);
    const staying = new Set(Array.from({ length: count }, (_, index) => this.#working[Math.floor(index * every)]));
    const leaving = this.#working.filter((client) => !staying.has(client));
    this.#working.splice(0, this.#working.length, ...this.#working.filter((client) => staying.has(client)));
    for (const { stop } of leaving) stop.abort();
    this.#tallies.push(...(await Promise.all(leaving.map(({ over }) => over))));
  }

  /** Ends all sessions; what happened to all clients that there were. */
  async leave(): Promise<LabTally> {
    await this.shrinkTo(0);
    return sumOf(this.#tallies);
  }
}
