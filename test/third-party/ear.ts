import { LIMIT_MS } from './script.ts';

/** The notifications that a client heard, and a way to wait for the next one of a kind. */
export class Ear {
  readonly all: { readonly method: string; readonly params: unknown }[] = [];
  readonly #expected = new Map<string, number>();
  #changed = () => {};

  hear(method: string, params: unknown): void {
    this.all.push({ method, params });
    this.#changed();
  }

  /** Resolves when one more of these was heard than were waited for before; they may have come already. */
  async next(method: string): Promise<void> {
    const wanted = (this.#expected.get(method) ?? 0) + 1;
    this.#expected.set(method, wanted);
    const timeout = AbortSignal.timeout(LIMIT_MS);
    while (this.all.filter((one) => one.method === method).length < wanted) {
      await new Promise<void>((resolve, reject) => {
        this.#changed = resolve;
        timeout.onabort = () => reject(new Error(`No ${method} number ${wanted} within ${LIMIT_MS} ms.`));
      });
    }
  }
}
