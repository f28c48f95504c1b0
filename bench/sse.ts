import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openRawClient, openRawSession, postOf } from './raw-client.ts';
import { startServe } from './serve-process.ts';
import { percentile, spread } from './spread.ts';

// Whether idle streams of old clients slow the others down: one client lists the tools of a session at `/mcp`, in rounds
// that alternate between no stream and so many open and idle ones. A round is longer than the 15 s between two keep-alives
// of a stream. Usage: sse.ts [--streams 1000] [--rounds 5] [--seconds 16]
const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '16' },
  },
});
const count = Number(values.streams);
const WARM_UP = 3_000;
/** Streams that are opened at a time. */
const AT_ONCE = 50;

const source = fileURLToPath(new URL('./five-tools.ts', import.meta.url));
const flags = ['--transport', 'http-compat', '--max-connections', String(count + 10), '--log-level', 'info'];
const server = await startServe([source, ...flags, '--drain-delay', '0s', '--drain-window', '0s']);
const { port } = server;
const head = `HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;

/** Opens a stream whose client has introduced itself, so that there is a server object behind it. */
async function openStream(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.setEncoding('latin1').write(`GET /sse ${head}Accept: text/event-stream\r\n\r\n`);
  let text = '';
  const said = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(text);
        if (found === null) return;
        socket.off('data', look);
        resolve(found);
      };
      socket.on('data', look).once('close', () => reject(new Error(`The stream closed: ${text}`)));
    });
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  const [, path = ''] = await said(/data: (\/messages\S+)/);
  const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
  const answered = said(/"serverInfo"/);
  const headers = { 'content-type': 'application/json' };
  await (await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body })).text();
  await answered;
  return socket;
}

async function openStreams(): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, openStream))));
  }
  return sockets;
}

const client = await openRawClient(port);
const request = postOf(port, { id: 1, method: 'tools/list' }, await openRawSession(client, port));

async function measure(): Promise<number[]> {
  const took: number[] = [];
  const end = performance.now() + Number(values.seconds) * 1_000;
  while (performance.now() < end) {
    const begun = performance.now();
    const answer = await client.send(request);
    took.push(performance.now() - begun);
    if (!answer.startsWith('HTTP/1.1 200')) throw new Error(answer);
  }
  return took;
}

const p99 = (took: readonly number[]) => percentile(took, 99);
const p50 = (took: readonly number[]) => percentile(took, 50);
const rounds: { readonly none: number[]; readonly open: number[] }[] = [];
try {
  for (let i = 0; i < WARM_UP; i++) await client.send(request);
  for (let round = 0; round < Number(values.rounds); round++) {
    const none = await measure();
    const sockets = await openStreams();
    const held = await server.metric('mcp_open_streams{kind="sse"}');
    if (held !== count) throw new Error(`${held} of ${count} streams are open.`);
    // What opening them left behind is no cost of an idle stream.
    for (let i = 0; i < WARM_UP / 3; i++) await client.send(request);
    rounds.push({ none, open: await measure() });
    for (const socket of sockets) socket.destroy();
    while ((await server.metric('mcp_open_streams{kind="sse"}')) > 0) await sleep(20);
  }
} finally {
  server.child.kill('SIGTERM');
  await once(server.child, 'close');
}
const of = (read: (round: (typeof rounds)[number]) => number, digits = 3) => spread(rounds.map(read), digits);
const all = (kind: 'none' | 'open') => rounds.flatMap((round) => round[kind]);
process.stdout.write(`tools/list over http-compat, median of ${rounds.length} rounds (least–most), ${values.seconds} s each
                          p50 ms                 p99 ms
no stream                 ${of(({ none }) => p50(none)).padEnd(22)} ${of(({ none }) => p99(none))}
${`${count} idle streams`.padEnd(25)} ${of(({ open }) => p50(open)).padEnd(22)} ${of(({ open }) => p99(open))}
p99 with streams / without: ${of(({ none, open }) => p99(open) / p99(none), 2)}, of all calls together ${(p99(all('open')) / p99(all('none'))).toFixed(2)}; the goal is 1.50
`);
client.close();
