import type { Reports } from '../../server/admin.ts';
import type { Connections } from '../../server/metrics.ts';
import type { WorkerSeat } from '../../server/worker-seat.ts';
import type { Answers, Assignment, Order, Word } from './messages.ts';

/** An orphan has this long to say goodbye to its clients. */
const ORPHAN_MS = 1_000;

/** A worker's connection to the process that started it. */
export class SupervisorLink {
  readonly #hurry = new AbortController();
  readonly #assigned = Promise.withResolvers<Assignment>();
  readonly #stop = Promise.withResolvers<void>();
  #peers: readonly string[] = [];
  #onPeers: ((addresses: readonly string[]) => void) | undefined;
  #reports: Reports<Connections> | undefined;

  constructor() {
    process.on('message', (order: Order) => this.#obey(order));
    process.on('disconnect', () => this.#orphaned());
    if (!process.connected) this.#orphaned();
  }

  /** Resolves with what there is to do. */
  get assigned(): Promise<Assignment> {
    return this.#assigned.promise;
  }

  /** Resolves when it is time to drain. */
  get stopping(): Promise<void> {
    return this.#stop.promise;
  }

  /** Aborted when the drain must be cut short. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  seat(key: Uint8Array): WorkerSeat {
    return {
      key,
      onPeers: (callback) => {
        this.#onPeers = callback;
        callback(this.#peers);
      },
      peerListening: (port) => void this.send({ kind: 'peer', port }),
    };
  }

  /** From now on the supervisor's questions are answered from these. */
  answerFrom(reports: Reports<Connections>): void {
    this.#reports = reports;
  }

  /** Resolves when the message has left this process; a supervisor that is gone does not miss it. */
  send(word: Word): Promise<void> {
    return new Promise((sent) => process.send?.(word, undefined, {}, () => sent()));
  }

  #obey(order: Order): void {
    switch (order.kind) {
      case 'start':
        this.#peers = order.assignment.peers;
        return this.#assigned.resolve(order.assignment);
      case 'peers':
        this.#peers = order.addresses;
        return this.#onPeers?.(order.addresses);
      case 'ask':
        return void this.#answer(order.id, order.what);
      case 'stop':
        return this.#stop.resolve();
      case 'hurry':
        return this.#hurry.abort();
    }
  }

  async #answer(id: number, what: keyof Answers): Promise<void> {
    const answer =
      what === 'connections'
        ? await this.#reports?.connections()
        : await (await this.#reports?.registry())?.getMetricsAsJSON();
    if (answer !== undefined) await this.send({ kind: 'answer', id, answer });
  }

  /** Nobody would ever stop a worker whose supervisor is gone, killed even: it ends by itself. */
  #orphaned(): void {
    const serving = this.#reports !== undefined;
    if (!serving) process.exit(1);
    setTimeout(() => process.exit(1), ORPHAN_MS);
    this.#hurry.abort();
    this.#stop.resolve();
  }
}
