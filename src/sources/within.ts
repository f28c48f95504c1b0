/** Rejects with `late` when a promise is not settled in time; what becomes of it then is its own affair. */
export async function within<T>(milliseconds: number, promise: T | Promise<T>, late: string): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(late)), milliseconds);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
