import { startServer } from '../server/server.ts';
import { loadSource } from '../sources/load-source.ts';
import { firstSignal } from './first-signal.ts';
import type { RunOptions } from './run-options.ts';
import { withCap } from './with-cap.ts';

/** Serves in this process. */
export async function runServer({ config, log, source: spec, place, started, stopping }: RunOptions): Promise<0 | 1> {
  // First of all, since process 1 of a container gets no signal that it does not listen to.
  const signalled = firstSignal();
  // A promise that one session's handler forgot must not take down all the others.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Module left a rejected promise'));
  const starting = loadSource(spec, { config, log, environment: process.env }).then(async (source) => {
    const capped = await withCap(config, source, { log, supervisor: 0 });
    const { maxConnections } = capped;
    return { source, maxConnections, server: await startServer(capped, source, log, place) };
  });
  const running = await Promise.race([starting, signalled.then(() => undefined)]);
  if (running === undefined) {
    log.info('Stopped before the server had started');
    return 0;
  }
  const { server, source, maxConnections } = running;
  const { port, adminPort, reports } = server;
  started?.({ name: source.definition.name, port, adminPort, maxConnections, connections: reports.connections });
  const signal = await signalled;
  log.info({ signal: signal.name }, 'Received signal');
  stopping?.();
  const { callsCut } = await server.stop(signal.second);
  return callsCut > 0 ? 1 : 0;
}
