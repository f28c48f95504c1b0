import { setMaxListeners } from 'node:events';
import { listenForAdmin } from '../../server/admin.ts';
import { assertFree, closeGently } from '../../server/listener.ts';
import { createProbes } from '../../server/probes.ts';
import { firstSignal } from '../first-signal.ts';
import type { RunOptions } from '../run-options.ts';
import { Crew } from './crew.ts';
import { CrewReports } from './crew-reports.ts';
import { sum } from './sum.ts';

/** Serves with several workers that share the port; this process starts, watches, counts and stops them. */
export async function runSupervisor({ config, log, source, started, stopping }: RunOptions): Promise<0 | 1> {
  // First of all, since process 1 of a container gets no signal that it does not listen to.
  const signalled = firstSignal();
  const { host, port, workers } = config;
  if (port !== 0) await assertFree(host, port);
  const crew = new Crew({ config, source, log, onLost: (worker) => void reports.lost(worker) });
  const reports = new CrewReports(() => crew.serving, log);
  let leaving = false;
  const answerProbe = createProbes({
    get phase() {
      if (leaving) return 'leaving';
      return crew.serving.length > 0 ? 'serving' : 'starting';
    },
  });
  const admin = await listenForAdmin(config, reports, answerProbe);

  const starting = crew.start();
  const running = await Promise.race([starting, signalled.then(() => undefined)]).catch(async (error: unknown) => {
    await crew.stop(AbortSignal.abort());
    await admin.close();
    throw error;
  });
  if (running === undefined) {
    log.info('Stopped before all workers had started');
  } else {
    const { name, port } = running;
    const { maxConnections } = crew;
    log.info({ host, port, adminPort: admin.port, workers, maxConnections }, 'Started server');
    started?.({ name, port, adminPort: admin.port, maxConnections, connections: () => reports.connections() });
  }

  const signal = await signalled;
  log.info({ signal: signal.name }, 'Received signal');
  stopping?.();
  leaving = true;
  setMaxListeners(workers, signal.second);
  log.info('Started drain');
  const drains = await crew.stop(signal.second);
  await closeGently(admin, signal.second);
  const reported = drains.filter((drain) => drain !== undefined);
  const report = sum(reported);
  const workersLost = drains.length - reported.length;
  log.info({ sessionsHandedOver: 0, ...report, ...(workersLost > 0 && { workersLost }) }, 'Finished drain');
  return workersLost > 0 || (report?.callsCut ?? 0) > 0 ? 1 : 0;
}
