import { UsageError } from '../../config/problems.ts';
import { createLog } from '../../server/log.ts';
import { type RunningServer, startServer } from '../../server/server.ts';
import { loadSource } from '../../sources/load-source.ts';
import { withCap } from '../with-cap.ts';
import { SupervisorLink } from './supervisor-link.ts';

/** Serves as one of several workers, for as long as the supervisor wants. Answers the exit code. */
export async function runWorker(): Promise<0 | 1 | 2> {
  if (process.send === undefined) {
    throw new UsageError(['berth worker is not for people: it is what berth serve --workers N starts.']);
  }
  // A terminal sends Ctrl-C to all processes of its group, but the supervisor is who says when to stop.
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {});
  const link = new SupervisorLink();
  const { config, source: spec, key, supervisor } = await link.assigned;
  const log = createLog(config).child({ worker: process.pid });
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Module left a rejected promise'));

  let name: string;
  let maxConnections: number;
  let server: RunningServer;
  try {
    const source = await loadSource(spec, { config, log, environment: process.env });
    name = source.definition.name;
    const capped = await withCap(config, source, { log, supervisor });
    maxConnections = capped.maxConnections;
    server = await startServer(capped, source, log, { seat: link.seat(key) });
  } catch (error) {
    const usage = error instanceof UsageError;
    const problems = usage ? error.problems : [error instanceof Error ? error.message : String(error)];
    // The supervisor tells it, once for all workers.
    await link.send({ kind: 'failed', usage, problems });
    return usage ? 2 : 1;
  }
  link.answerFrom(server.reports);
  await link.send({ kind: 'listening', name, port: server.port, maxConnections, peerPort: server.peerPort ?? 0 });

  await link.stopping;
  const report = await server.stop(link.hurry);
  await link.send({ kind: 'stopped', report });
  return report.callsCut > 0 ? 1 : 0;
}
