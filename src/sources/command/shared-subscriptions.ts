/** Asks the child; rejects with its error. */
type Ask<R> = () => Promise<R>;

/** The resources that the clients of one child want to hear of: it goes on telling until none of them does. */
export class SharedSubscriptions<T> {
  /** By resource; whoever has asked for it counts from then on, not from the answer. */
  readonly #wanted = new Map<string, Set<T>>();
  /** The last thing that the child is asked about each resource: it is asked one after another. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /** Whether this client wants to hear of a resource. */
  has(client: T, uri: string): boolean {
    return this.#wanted.get(uri)?.has(client) === true;
  }

  /** `undo` is asked when it fails: the child may have begun to tell what nobody wants to hear. */
  async subscribe<R>(client: T, uri: string, ask: Ask<R>, undo: Ask<unknown>): Promise<R> {
    const before = this.has(client, uri);
    this.#clientsOf(uri).add(client);
    try {
      return await this.#inTurn(uri, ask);
    } catch (error) {
      if (!before) {
        this.#drop(client, uri);
        this.#askUnlessWanted(uri, undo).catch(() => {
          // It never began, most likely.
        });
      }
      throw error;
    }
  }

  /** Asks the child only if nobody else wants to hear of it; `undefined` otherwise. */
  async unsubscribe<R>(client: T, uri: string, ask: Ask<R>): Promise<R | undefined> {
    if (!this.has(client, uri)) return undefined;
    this.#drop(client, uri);
    return await this.#askUnlessWanted(uri, ask);
  }

  /** The resources that this client wants to hear of. */
  of(client: T): string[] {
    return [...this.#wanted].filter(([, clients]) => clients.has(client)).map(([uri]) => uri);
  }

  /** Forgets all of them: the child that knew of them is gone. */
  clear(): void {
    this.#wanted.clear();
  }

  #clientsOf(uri: string): Set<T> {
    const clients = this.#wanted.get(uri) ?? new Set();
    this.#wanted.set(uri, clients);
    return clients;
  }

  #drop(client: T, uri: string): void {
    const clients = this.#wanted.get(uri);
    clients?.delete(client);
    if (clients?.size === 0) this.#wanted.delete(uri);
  }

  #askUnlessWanted<R>(uri: string, ask: Ask<R>): Promise<R | undefined> {
    return this.#inTurn(uri, async () => (this.#wanted.has(uri) ? undefined : await ask()));
  }

  #inTurn<R>(uri: string, action: () => Promise<R>): Promise<R> {
    const before = this.#turns.get(uri);
    // The first in line begins at once, so that what one client sends reaches the child in order.
    const turn = before === undefined ? action() : before.then(action);
    const over = turn.then(
      () => {},
      () => {},
    );
    const last = over.then(() => {
      if (this.#turns.get(uri) === last) this.#turns.delete(uri);
    });
    this.#turns.set(uri, last);
    return turn;
  }
}
