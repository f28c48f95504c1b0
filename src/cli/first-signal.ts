/** npm passes on the Ctrl-C that the terminal has sent already: that is one signal, not two. */
const SAME_SIGNAL_MS = 250;

/** Resolves at the first SIGTERM or SIGINT; `second` is aborted by the next. */
export function firstSignal(): Promise<{ readonly name: string; readonly second: AbortSignal }> {
  return new Promise((resolve) => {
    const next = new AbortController();
    let first: number | undefined;
    const onSignal = (name: string) => {
      if (first !== undefined) {
        if (performance.now() - first > SAME_SIGNAL_MS) next.abort();
        return;
      }
      first = performance.now();
      resolve({ name, second: next.signal });
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}
