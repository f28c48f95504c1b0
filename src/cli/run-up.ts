import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { synthesize } from '../../charts/synthesize.ts';
import { ignoredBySource } from '../config/ignored-settings.ts';
import { UsageError } from '../config/problems.ts';
import { readAskedConfig } from '../config/read-config.ts';
import type { AskedConfig, ServeConfigKey } from '../config/serve-config.ts';
import { createLog } from '../server/log.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { loadValues } from '../values/load.ts';
import type { ValueSources } from '../values/overrides.ts';
import { printWarnings } from '../values/warnings.ts';
import { type Described, type KubernetesDocument, readDeployment } from './read-deployment.ts';
import { run } from './run.ts';
import type { Serving } from './run-options.ts';

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
/** One machine stands in for a fleet to try things out; more processes than this would only be in each other's way. */
const MOST_WORKERS = 16;

/** Writes the manifests and serves what they describe until a signal. Answers the exit code: 1 when calls were cut. */
export async function runUp({ source, sources, outputDir, here }: UpArguments): Promise<number> {
  const values = loadValues(sources);
  printWarnings(values);
  const { fileName, yaml } = synthesize(values);
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as KubernetesDocument);
  const described = readDeployment(objects, values.namespace ?? 'default');
  const served = sourceHere(source, described);
  Object.assign(process.env, described.environment);
  const flags = { ...flagsFor(served, described), ...NO_DELAY, ...here };
  const workers = Math.min(Math.max(described.replicas, 1), MOST_WORKERS);
  const asked = readAskedConfig({
    flags,
    environment: process.env,
    source: served.kind === 'command' ? 'command' : 'module',
  });
  // The screen shows what the log would say; only what goes wrong is added to it.
  const logLevel = asked.logLevel === 'info' ? 'warn' : asked.logLevel;
  const config: AskedConfig = { ...asked, workers, logLevel, logFormat: 'text' };
  let stopShowing = () => {};
  return await run({
    config,
    log: createLog(config),
    source: served,
    started(serving) {
      mkdirSync(outputDir, { recursive: true });
      const file = join(outputDir, fileName);
      writeFileSync(file, yaml);
      process.stdout.write(`Wrote ${file}: ${objects.map(({ kind }) => kind).join(', ')}\n`);
      process.stdout.write(greeting(config, serving, described.replicas));
      stopShowing = showConnections(serving);
    },
    stopping() {
      stopShowing();
      process.stdout.write('Stopping. Calls in flight may finish; once more to end at once.\n');
    },
  });
}

function sourceHere(path: string | undefined, { source, sidecar }: Described): SourceSpec {
  if (path !== undefined) return { kind: 'module', path };
  if (sidecar === undefined || source.kind !== 'upstream') return source;
  throw new UsageError([
    `up runs what the values describe, but the server of sidecar.image ${sidecar} runs in a container only. Start it here yourself, then: berth serve --upstream ${source.url}`,
  ]);
}

/** A module in place of something else has no use for what was said of that. */
function flagsFor(served: SourceSpec, { source, flags }: Described): Described['flags'] {
  if (served.kind === source.kind) return flags;
  const ignored: readonly string[] = ignoredBySource[served.kind];
  return Object.fromEntries(Object.entries(flags).filter(([key]) => !ignored.includes(key)));
}

function greeting({ host, workers, maxConnections }: AskedConfig, serving: Serving, replicas: number): string {
  const { name, port, adminPort } = serving;
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}/mcp`;
  const metrics = `http://${host}:${adminPort}/metrics`;
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
  const limit = serving.maxConnections;
  // Each that found out by itself may have found another number.
  const times = maxConnections === 'auto' ? '' : ` × ${maxConnections}`;
  const each = workers === 1 ? '' : ` (${workers} workers${times})`;
  const fewer =
    workers < replicas ? `\nThe manifests ask for ${replicas} pods; here run ${workers} workers at most.` : '';
  return `
Serving ${bold(name)} at ${bold(url)}, ${limit} connections at most${each}. Metrics: ${metrics}${fewer}

Connect a client:
  npx @modelcontextprotocol/inspector --cli ${url} --transport http --method tools/list
  claude mcp add --transport http ${name} ${url}

`;
}

const SHOW_EVERY_MS = 250;

/** Keeps one line of a terminal up to date; a pipe gets the first state only. */
function showConnections(serving: Serving): () => void {
  const line = (held: number) => `Connections held: ${held} of ${serving.maxConnections}`;
  let shown = line(0);
  process.stdout.write(`${shown}${process.stdout.isTTY ? '' : '\n'}`);
  if (!process.stdout.isTTY) return () => {};
  let stopped = false;
  const show = async () => {
    const connections = await serving.connections();
    if (stopped) return;
    // Nobody answered: the last line stands.
    const now = connections === undefined ? shown : line(connections.active);
    if (now !== shown) process.stdout.write(`\r\u001b[2K${now}`);
    shown = now;
    timer = setTimeout(show, SHOW_EVERY_MS);
  };
  let timer = setTimeout(show, SHOW_EVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
    process.stdout.write('\n');
  };
}
