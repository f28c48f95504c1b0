import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { initialize, inSession, post } from '../server/wire.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const lab = fileURLToPath(new URL('../fixtures/servers/resident-lab.ts', import.meta.url));

const WORKERS = 4;
const SLOTS = 25;
const ALL = WORKERS * SLOTS;
const RUNS = 100;
const FULL_MS = 100;

/** Starts workers that share a port; answers their URL and where they say what they hold. */
async function startWorkers() {
  const flags = `--workers ${WORKERS} --max-connections ${SLOTS} --port 0 --admin-port 0 --drain-delay 0s --drain-window 0s`;
  const child = spawn(process.execPath, [main, 'serve', lab, ...flags.split(' ')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const { port, adminPort, msg } = JSON.parse(line) as { port?: number; adminPort?: number; msg: string };
    if (msg === 'Started server') {
      child.stderr.resume();
      return { url: `http://127.0.0.1:${port}/mcp`, connections: `http://127.0.0.1:${adminPort}/connections` };
    }
  }
  throw new Error('berth serve ended before it had started');
}

test(`${WORKERS} workers with ${SLOTS} slots admit exactly ${ALL} of a burst, however the sockets are spread, ${RUNS} times`, {
  timeout: 120_000,
}, async () => {
  const { url, connections } = await startWorkers();
  const active = async () => ((await (await fetch(connections)).json()) as { active: number }).active;
  const seen = new Map<string, number>();
  for (let run = 0; run < RUNS; run++) {
    const burst = await Promise.all(Array.from({ length: ALL }, () => post(url, initialize())));
    const extra = await post(url, initialize());
    const ids = burst.flatMap(({ headers }) => headers.get('mcp-session-id') ?? []);
    const result = `${ids.length} admitted, then ${extra.status}`;
    seen.set(result, (seen.get(result) ?? 0) + 1);
    await Promise.all([...burst, extra].map((answer) => answer.text()));
    const ended = await Promise.all(ids.map((id) => fetch(url, { method: 'DELETE', headers: inSession(id) })));
    expect(ended.filter(({ status }) => status !== 200)).toEqual([]);
    await expect.poll(active, { timeout: 5_000 }).toBe(0);
    // What a worker heard of another one being full is believed for so long.
    await sleep(FULL_MS);
  }
  console.info(Object.fromEntries(seen));
  expect(Object.fromEntries(seen)).toEqual({ [`${ALL} admitted, then 503`]: RUNS });
});
