/** Lets one fleet at a time be changed by a new version of the operator: what breaks one must not break all. */
export class RolloutTurns {
  #holder: string | undefined;

  /** Whether it is this fleet's turn; it keeps it until it gives it back. */
  take(fleet: string): boolean {
    this.#holder ??= fleet;
    return this.#holder === fleet;
  }

  /** Ends the turn of a fleet that is rolled out, or gone. */
  giveBack(fleet: string): void {
    if (this.#holder === fleet) this.#holder = undefined;
  }
}
