/** Milliseconds until a client whose stream was closed comes back: a time of its own, so that they do not all come at once. */
export const awayFor = (): number => 500 + Math.random() * 2_500;
