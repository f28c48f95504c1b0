import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HttpConnection } from '../src/load/http-connection.ts';
import { basics, startScripted, stream } from '../test/fixtures/upstream/scripted.ts';
import { openSession } from './legacy-session.ts';
import { rssBytes } from './peers/cpu.ts';
import { startServe } from './serve-process.ts';

// What a long stream costs on its way through berth to a reader that is slower than its server: the memory of the process,
// and how far the server gets ahead of the reader. Usage: slow-reader.ts [--mebibytes 1024] [--pause 5] (ms for each MiB)
const { values } = parseArgs({
  options: { mebibytes: { type: 'string', default: '1024' }, pause: { type: 'string', default: '5' } },
});
const MIB = 1024 * 1024;
const MESSAGE = 256 * 1024;
const total = Number(values.mebibytes) * MIB;
const filler = 'x'.repeat(MESSAGE);

let written = 0;
const upstream = await startScripted(async (seen, res) => {
  if (basics(seen, res)) return;
  const write = stream(res);
  for (; written < total && !res.destroyed; written += MESSAGE) {
    const params = { progressToken: 1, progress: written, message: filler };
    if (!write({ jsonrpc: '2.0', method: 'notifications/progress', params })) {
      await once(res, 'drain');
    }
  }
  write({ jsonrpc: '2.0', id: seen.message.id, result: { content: [] } });
  res.end();
});
const flags = ['--drain-delay', '0s', '--drain-window', '0s'];
const berth = await startServe(['--upstream', upstream.url, ...flags]);
try {
  const url = new URL(`http://127.0.0.1:${berth.port}/mcp`);
  const named = await openSession(new HttpConnection(url, { timeout: 60_000 }), url);
  const before = residentMiB();
  const answer = await new Promise<IncomingMessage>((resolve) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...named,
    };
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'flood' } };
    request({ port: berth.port, path: '/mcp', method: 'POST', headers }, resolve).end(JSON.stringify(body));
  });
  let [read, ahead, most, pauseAt] = [0, 0, 0, MIB];
  let tail = '';
  const begun = performance.now();
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    read += chunk.length;
    tail = chunk.subarray(-100).toString();
    ahead = Math.max(ahead, written - read);
    if (read < pauseAt) continue;
    pauseAt += MIB;
    most = Math.max(most, residentMiB());
    await sleep(Number(values.pause));
  }
  if (read < total) throw new Error(`Only ${read} of ${total} bytes came.`);
  if (!tail.includes('"result"')) throw new Error(`The stream ended before its answer: ${tail}`);
  const seconds = (performance.now() - begun) / 1_000;
  process.stdout.write(
    `${(read / MIB).toFixed(0)} MiB read in ${seconds.toFixed(1)} s; the server was at most ${(ahead / MIB).toFixed(1)} MiB ahead
RSS of berth: ${before.toFixed(0)} MiB before, at most ${most.toFixed(0)} MiB on the way\n`,
  );
} finally {
  berth.child.kill('SIGTERM');
  await upstream.stop();
}

function residentMiB(): number {
  return rssBytes([berth.child.pid ?? 0]) / MIB;
}
