import { Writable } from 'node:stream';
import { serveStdio } from '../server/stdio/serve-stdio.ts';
import { loadSource } from '../sources/load-source.ts';
import { firstSignal } from './first-signal.ts';
import type { RunOptions } from './run-options.ts';

/** Serves one client over stdin and stdout until it has said all. Answers the exit code: 1 when calls were cut. */
export async function runStdio({ config, log, source: spec }: RunOptions): Promise<0 | 1> {
  const stopping = new AbortController();
  void firstSignal().then(() => stopping.abort());
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'Module left a rejected promise'));
  const output = claimStdout();
  const source = await loadSource(spec, { config, log, environment: process.env });
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
