import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import { readServeConfig } from '../../../src/config/read-config.ts';
import { createLog } from '../../../src/server/log.ts';
import { startServer } from '../../../src/server/server.ts';
import { loadUpstream } from '../../../src/sources/upstream/upstream-source.ts';
import type { Settings } from '../../server/running.ts';
import { until } from './raw-client.ts';

const QUICK = {
  port: '0',
  adminPort: '0',
  drainDelay: '0s',
  drainWindow: '0s',
  longestCall: '1s',
  logLevel: 'info',
  maxCallDelay: '1h',
};

/** Serves an upstream on ports of the system's choice; resolves once it is reached, if it is to be. */
export async function serve(upstream: string, settings: Settings = {}, { reached = true }: { reached?: boolean } = {}) {
  const config = readServeConfig({ flags: { ...QUICK, upstream, ...settings }, environment: {} });
  const logs: Record<string, unknown>[] = [];
  const log = createLog(config, { write: (line) => void logs.push(JSON.parse(line)) });
  const source = loadUpstream(upstream, { config, log });
  const server = await startServer(config, source, log);
  onTestFinished(async () => void (await server.stop(AbortSignal.abort())));
  if (reached) await until(() => source.reachable === true);
  const origin = `http://127.0.0.1:${server.port}`;
  return { source, server, logs, origin, url: `${origin}/mcp`, admin: `http://127.0.0.1:${server.adminPort}` };
}

/** Connects the legacy SDK's client. */
export async function connect(
  url: string,
  {
    client = new Client({ name: 'test', version: '1' }),
    headers = {},
  }: { client?: Client; headers?: Record<string, string> } = {},
) {
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport as never);
  onTestFinished(async () => void (await client.close().catch(() => {})));
  return { client, transport };
}
