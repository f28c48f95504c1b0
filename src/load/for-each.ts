/** Does something for each, for so many at a time. */
export async function forEach<T>(
  items: readonly T[],
  concurrency: number,
  action: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const rest = items.values();
  const work = async () => {
    for (const item of rest) {
      if (signal?.aborted) return;
      await action(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
}
