/**
 * Calls back after so many milliseconds, once what has arrived by then was read: where this process was held up itself,
 * the other end may have answered long ago. The answered function calls it off.
 */
export function afterReading(milliseconds: number, late: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // Two turns: one reads what is there, what that sets off may take another.
    immediate = setImmediate(() => {
      immediate = setImmediate(late);
    });
  }, milliseconds);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
