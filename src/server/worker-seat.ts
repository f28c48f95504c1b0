/** What a worker has from the process that started it, beside its configuration. */
export interface WorkerSeat {
  /** 32 random bytes that the workers of one start share, to prove to each other who they are. */
  readonly key: Uint8Array;
  /** Tells the addresses (`host:port`) of the other workers' peer listeners: at once, and whenever they change. */
  onPeers(callback: (addresses: readonly string[]) => void): void;
  /** To be called once this worker's own peer listener is there. */
  peerListening?(port: number): void;
}
