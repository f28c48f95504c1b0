/** Loaded into the operator's process: tells its memory after collections when it is asked, and ends with who started it. */
process.on('message', () => {
  for (let i = 0; i < 5; i++) globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.on('disconnect', () => process.exit());
process.channel?.unref();
