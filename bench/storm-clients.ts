import { forEach } from '../src/load/for-each.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import { describeOutcome, outcomeOfError } from '../src/load/outcome.ts';
import { type Fields, RequestEncoder } from '../src/load/requests.ts';
import { openSession } from './legacy-session.ts';

/** What one storm has seen, in milliseconds. */
export interface StormSeen {
  readonly opened: number[];
  readonly refused: number[];
  /** What became of the others. */
  readonly failed: string[];
  /** This process's share of a core, in percent: near 100 it was the limit and not the server. */
  readonly generator: number;
}

/** How a storm comes: each client with a socket of its own, or all through the kept sockets of a proxy. */
export type Sockets = 'new' | 'kept';

/** What the parent says: have a storm come, or leave with all that was opened. Both are answered when done. */
export type StormWord = { readonly count: number; readonly sockets: Sockets } | 'leave';

// Storms of new sessions, from a process of its own, whose work then delays nobody else's clients. What it opened it holds
// until it is told to leave. Usage: storm-clients.ts URL AT_ONCE
const [address = '', atOnce = '1'] = process.argv.slice(2);
const url = new URL(address);
const encoder = new RequestEncoder(url);
const connect = () => new HttpConnection(url, { timeout: 60_000 });
const sessions: Fields[] = [];
const connections = new Set<HttpConnection>();

async function storm(count: number, sockets: Sockets): Promise<StormSeen> {
  const seen = { opened: [] as number[], refused: [] as number[], failed: [] as string[] };
  const free: HttpConnection[] = [];
  const openOne = async () => {
    const connection = (sockets === 'kept' ? free.pop() : undefined) ?? connect();
    connections.add(connection);
    const begun = performance.now();
    try {
      sessions.push(await openSession(connection, url));
      seen.opened.push(performance.now() - begun);
      if (sockets === 'kept') free.push(connection);
    } catch (error) {
      const outcome = outcomeOfError(error);
      if (outcome.kind === 'http' && outcome.status === 503) seen.refused.push(performance.now() - begun);
      else seen.failed.push(describeOutcome(outcome));
      if (sockets === 'kept') free.push(connection);
      else connection.close();
    }
  };
  const [cpu, begun] = [process.cpuUsage(), performance.now()];
  await forEach(Array.from({ length: count }), Number(atOnce), openOne);
  const { user, system } = process.cpuUsage(cpu);
  return { ...seen, generator: (user + system) / 10 / (performance.now() - begun) };
}

async function leave(): Promise<void> {
  for (const connection of connections) connection.close();
  connections.clear();
  const connection = connect();
  for (const session of sessions.splice(0)) await connection.send(encoder.request('DELETE', url.pathname, session));
  connection.close();
}

process.on('message', async (word: StormWord) => {
  process.send?.(word === 'leave' ? await leave().then(() => 'left') : await storm(word.count, word.sockets));
});
process.on('disconnect', () => process.exit());
