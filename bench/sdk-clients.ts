import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Tally } from '../src/load/tally.ts';

// Calls a tool without pause from so many of the SDK's own clients, and prints what it saw as `berth load -o json` does.
// Usage: sdk-clients.ts URL legacy|modern SESSIONS SECONDS
const [url = '', era = 'legacy', sessions = '1', seconds = '1'] = process.argv.slice(2);
const versionNegotiation = { mode: era === 'modern' ? { pin: '2026-07-28' } : ('legacy' as const) };

const clients: { readonly client: Client; readonly transport: StreamableHTTPClientTransport }[] = [];
while (clients.length < Number(sessions)) {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  const client = new Client({ name: 'bench', version: '1' }, { versionNegotiation });
  await client.connect(transport);
  clients.push({ client, transport });
}

const tally = new Tally();
const cpu = process.cpuUsage();
const begun = performance.now();
const end = begun + Number(seconds) * 1_000;
await Promise.all(
  clients.map(async ({ client }) => {
    while (performance.now() < end) {
      const sent = performance.now();
      const { isError } = await client.callTool({ name: 'echo', arguments: { value: 'x' } });
      tally.record({ kind: isError ? 'tool-error' : 'result' }, performance.now() - sent);
    }
  }),
);
const took = (performance.now() - begun) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const { outcomes, answered, histogram } = tally;
const calls = {
  ...{ seconds: took, perSecond: answered / took, generatorCpu: (user + system) / 1_000_000, unsent: 0 },
  ...{ outcomes, latency: histogram.latencies },
};
for (const { client, transport } of clients) {
  if (transport.sessionId !== undefined) await transport.terminateSession();
  await client.close();
}
process.stdout.write(JSON.stringify({ opening: { opened: clients.length }, calls }));
process.exit();
