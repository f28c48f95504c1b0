/** A certificate with its key, and the authority that vouches for it; PEM as Node writes it. */
export interface Generation {
  /** The authority's certificate. Its key is nowhere. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** What a replica serves with; PEM. */
export type TlsPair = Pick<Generation, 'certificate' | 'key'>;
