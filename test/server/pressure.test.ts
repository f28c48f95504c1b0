import { expect, test } from 'vitest';
import { Pressure } from '../../src/server/pressure.ts';
import { startLab } from './running.ts';
import { initialize, post } from './wire.ts';

const spin = (milliseconds: number) => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

/** A process whose time is told, looked at as if it were busy with turns of so many milliseconds. */
function watched(maxCallDelay: number) {
  const log = { warn() {}, info() {} };
  const turns: (() => void)[] = [];
  const pressure = new Pressure({
    maxCallDelay,
    lineUp: (turn) => void turns.push(turn),
    log: log as never,
    clock: () => performance.now(),
    signal: new AbortController().signal,
  });
  return { pressure, turns };
}

test('what holds a process up before it serves keeps nobody out', async () => {
  const lab = await startLab({ maxCallDelay: '400ms' }, { create: idle, start: () => spin(3_000) });
  for (let i = 0; i < 5; i++) {
    expect((await post(lab.url, initialize())).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
});

test('nor does one long pause, while many do', async () => {
  const { pressure, turns } = watched(400);
  pressure.watch();
  const pause = async (milliseconds: number) => {
    spin(milliseconds);
    await new Promise((resolve) => setTimeout(resolve, 120));
    for (const turn of turns.splice(0)) turn();
  };
  await pause(3_000);
  expect(pressure.high).toBe(false);
  for (let i = 0; i < 8 && !pressure.high; i++) await pause(900);
  expect(pressure.short).toEqual({ time: true, memory: false });
  for (let i = 0; i < 40 && pressure.high; i++) await pause(1);
  expect(pressure.high).toBe(false);
});

async function idle() {
  const { McpServer } = await import('@modelcontextprotocol/server');
  return new McpServer({ name: 'idle', version: '1.0.0' });
}
