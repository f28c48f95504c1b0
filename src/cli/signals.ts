/** Waits for SIGTERM or SIGINT, then runs `stop`; the second signal aborts what it is given. */
export function untilStopped<T>(stop: (hurry: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const hurry = new AbortController();
    let stopping = false;
    const onSignal = () => {
      if (stopping) return hurry.abort();
      stopping = true;
      stop(hurry.signal).then(resolve, reject);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}
