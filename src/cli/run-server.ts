import type { ServeConfig } from '../config/serve-config.ts';
import type { Log } from '../server/log.ts';
import { type RunningServer, startServer } from '../server/server.ts';
import type { Source } from '../sources/source.ts';

export interface RunServerOptions {
  readonly config: ServeConfig;
  readonly log: Log;
  load(): Promise<Source>;
  started?(server: RunningServer, source: Source): void;
  stopping?(): void;
}

/** Serves until SIGTERM or SIGINT, then drains; a second signal cuts that short. Answers 1 when calls were cut, else 0. */
export async function runServer({ config, log, load, started, stopping }: RunServerOptions): Promise<0 | 1> {
  // First of all, since process 1 of a container gets no signal that it does not listen to.
  const signalled = firstSignal();
  // A promise that one session's handler forgot must not take down all the others.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Module left a rejected promise'));
  const starting = load().then(async (source) => ({ source, server: await startServer(config, source, log) }));
  const running = await Promise.race([starting, signalled.then(() => undefined)]);
  if (running === undefined) {
    log.info('Stopped before the server had started');
    return 0;
  }
  const { server, source } = running;
  started?.(server, source);
  const signal = await signalled;
  log.info({ signal: signal.name }, 'Received signal');
  stopping?.();
  const { callsCut } = await server.stop(signal.second);
  return callsCut > 0 ? 1 : 0;
}

/** npm passes on the Ctrl-C that the terminal has sent already: that is one signal, not two. */
const SAME_SIGNAL_MS = 250;

/** Resolves at the first signal; `second` is aborted by the next. */
function firstSignal(): Promise<{ readonly name: string; readonly second: AbortSignal }> {
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
