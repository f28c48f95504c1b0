import { once } from 'node:events';
import { Writable } from 'node:stream';
import { serveStdio } from '../server/stdio/serve-stdio.ts';
import { loadSource } from '../sources/load-source.ts';
import { firstSignal } from './first-signal.ts';
import type { RunOptions } from './run-options.ts';

/**
 * Serves one client over stdin and stdout until it has said all, or a signal; a second signal ends it at once. Answers
 * the exit code: 1 when calls were cut.
 */
export async function runStdio(options: RunOptions): Promise<0 | 1> {
  const { log } = options;
  // First of all, since process 1 of a container gets no signal that it does not listen to.
  const signalled = firstSignal();
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Module left a rejected promise'));
  const hurried = signalled.then(async ({ second }): Promise<1> => {
    await once(second, 'abort');
    log.warn('Ended at once at the second signal');
    return 1;
  });
  return await Promise.race([serve(options, signalled), hurried]);
}

async function serve({ config, log, source: spec }: RunOptions, signalled: Promise<unknown>): Promise<0 | 1> {
  const output = claimStdout();
  const loading = loadSource(spec, { config, log, environment: process.env });
  const source = await Promise.race([loading, signalled.then(() => undefined)]);
  if (source === undefined) {
    log.info('Stopped before the server had started');
    return 0;
  }
  const stopping = new AbortController();
  void signalled.then(() => stopping.abort());
  const { maxMessage, longestCall } = config;
  const report = await serveStdio({
    ...{ source, maxMessage, longestCall, log, output },
    input: process.stdin,
    stopping: stopping.signal,
  });
  await source.close?.();
  log[report.failed || report.callsCut > 0 ? 'warn' : 'debug'](report, 'Finished');
  return report.failed || report.callsCut > 0 ? 1 : 0;
}

/** Keeps stdout for the protocol: what else a module prints there goes to stderr. */
function claimStdout(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  const output = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _, done) => void write(chunk, done),
  });
  stdout.on('error', (error) => output.destroy(error));
  return output;
}
