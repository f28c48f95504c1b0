import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { synthesize } from '../../charts/synthesize.ts';
import { readServeConfig } from '../config/read-config.ts';
import type { ServeConfig, ServeConfigKey } from '../config/serve-config.ts';
import { createLog } from '../server/log.ts';
import type { RunningServer } from '../server/server.ts';
import { loadSource } from '../sources/load-source.ts';
import { loadValues } from '../values/load.ts';
import type { ValueSources } from '../values/overrides.ts';
import { type KubernetesDocument, readDeployment } from './read-deployment.ts';
import { runServer } from './run-server.ts';

export interface UpArguments {
  /** A module on this machine, in place of the image's. */
  readonly source: string | undefined;
  readonly sources: ValueSources;
  readonly outputDir: string;
  /** Settings that are different on this machine. */
  readonly here: Readonly<Partial<Record<ServeConfigKey, string>>>;
}

/** Nothing routes to this machine by a Service that would have to learn that it leaves. */
const NO_DELAY = { drainDelay: '0s' };

/** Writes the manifests and serves what they describe until a signal. Answers the exit code: 1 when calls were cut. */
export async function runUp({ source, sources, outputDir, here }: UpArguments): Promise<number> {
  const values = loadValues(sources);
  const { fileName, yaml } = synthesize(values);
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as KubernetesDocument);
  const described = readDeployment(objects, values.namespace ?? 'default');
  Object.assign(process.env, described.environment);
  const config = readServeConfig({ flags: { ...described.flags, ...NO_DELAY, ...here }, environment: process.env });
  // The screen shows what the log would say; only what goes wrong is added to it.
  const log = createLog({ logLevel: config.logLevel === 'info' ? 'warn' : config.logLevel, logFormat: 'text' });
  let stopShowing = () => {};
  return await runServer({
    config,
    log,
    async load() {
      const loaded = await loadSource(source ?? described.source);
      mkdirSync(outputDir, { recursive: true });
      const file = join(outputDir, fileName);
      writeFileSync(file, yaml);
      process.stdout.write(`Wrote ${file}: ${objects.map(({ kind }) => kind).join(', ')}\n`);
      return loaded;
    },
    started(server, { definition }) {
      process.stdout.write(greeting(definition.name, config, server, described.replicas));
      stopShowing = showConnections(server);
    },
    stopping() {
      stopShowing();
      process.stdout.write('Stopping. Calls in flight may finish; once more to end at once.\n');
    },
  });
}

function greeting(name: string, { host }: ServeConfig, server: RunningServer, replicas: number): string {
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${server.port}/mcp`;
  const metrics = `http://${host}:${server.adminPort}/metrics`;
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
  const one = replicas === 1 ? '' : `\nThe manifests ask for ${replicas} pods; here runs one worker.`;
  return `
Serving ${bold(name)} at ${bold(url)}, ${server.connections.limit} connections at most. Metrics: ${metrics}${one}

Connect a client:
  npx @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list
  claude mcp add --transport http ${name} ${url}

`;
}

/** Keeps one line of a terminal up to date; a pipe gets the first state only. */
function showConnections({ connections }: RunningServer): () => void {
  const line = () => `Connections held: ${connections.held} of ${connections.limit}`;
  process.stdout.write(`${line()}${process.stdout.isTTY ? '' : '\n'}`);
  if (!process.stdout.isTTY) return () => {};
  let shown = line();
  const timer = setInterval(() => {
    const now = line();
    if (now !== shown) process.stdout.write(`\r\u001b[2K${now}`);
    shown = now;
  }, 250);
  return () => {
    clearInterval(timer);
    process.stdout.write('\n');
  };
}
