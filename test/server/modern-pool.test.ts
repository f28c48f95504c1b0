import { McpServer } from '@modelcontextprotocol/server';
import { expect, test, vi } from 'vitest';
import { ModernExchange } from '../../src/server/modern/modern-exchange.ts';
import { ServerPool } from '../../src/server/modern/server-pool.ts';

function pool() {
  const lab = { created: 0, ended: 0, fleetKey: 'first', failed: [] as unknown[] };
  const made = new ServerPool({
    fleetKey: () => lab.fleetKey,
    async create(session) {
      lab.created++;
      session.onEnd(() => {
        lab.ended++;
      });
      return new McpServer({ name: session.fleetKey, version: '1' });
    },
    failed: (error) => lab.failed.push(error),
  });
  const use = async () => {
    const exchange = new ModernExchange();
    return { exchange, product: (await made.take(exchange)) as McpServer };
  };
  return { lab, pool: made, use };
}

/** The end of what is told later in the same turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a spoilt exchange takes its object with it', async () => {
  const { lab, pool: made, use } = pool();
  const { exchange } = await use();
  exchange.spoil();
  exchange.answered();
  await turn();
  expect([made.idle, lab.ended]).toEqual([0, 1]);
});

test('an object comes back when the handler has settled as well, not before', async () => {
  const { pool: made, use } = pool();
  const { exchange } = await use();
  exchange.started();
  exchange.answered();
  expect(made.idle).toBe(0);
  exchange.settled();
  expect(made.idle).toBe(1);
});

test('an object that is connected still does not come back', async () => {
  const { lab, pool: made, use } = pool();
  const { exchange, product } = await use();
  await product.connect({ start: async () => {}, send: async () => {}, close: async () => {} });
  exchange.answered();
  await turn();
  expect([made.idle, lab.ended]).toEqual([0, 1]);
});

test('no more than a hundred wait', async () => {
  const { lab, pool: made, use } = pool();
  const used = await Promise.all(Array.from({ length: 120 }, use));
  for (const { exchange } of used) exchange.answered();
  await turn();
  expect([made.idle, lab.created, lab.ended]).toEqual([100, 120, 20]);
});

test('objects with an old secret of the fleet serve no more', async () => {
  const { lab, pool: made, use } = pool();
  const [one, two] = [await use(), await use()];
  one.exchange.answered();
  two.exchange.answered();
  lab.fleetKey = 'second';
  const { product } = await use();
  await turn();
  expect(product.server).toMatchObject({ _serverInfo: { name: 'second' } });
  expect([made.idle, lab.created, lab.ended]).toEqual([0, 3, 2]);
});

test('a module that gives one object to all fails those who come second, and harms nobody', async () => {
  const server = new McpServer({ name: 'one', version: '1' });
  const close = vi.spyOn(server, 'close');
  const failed = vi.fn();
  const one = new ServerPool({ fleetKey: () => '', create: async () => server, failed });
  const exchange = new ModernExchange();
  expect(await one.take(exchange)).toBe(server);
  await expect(one.take(new ModernExchange())).rejects.toThrow('for the second time');
  await turn();
  expect(close).not.toHaveBeenCalled();
  exchange.answered();
  expect(await one.take(new ModernExchange())).toBe(server);
});

test('a module that fails after it asked to be told of the end is told of it', async () => {
  const ended = vi.fn();
  const failing = new ServerPool({
    fleetKey: () => '',
    create: async ({ onEnd }) => {
      onEnd(ended);
      throw new Error('no');
    },
    failed: () => {},
  });
  await expect(failing.take(new ModernExchange())).rejects.toThrow('no');
  await turn();
  expect(ended).toHaveBeenCalledOnce();
});

test('after its end nothing is kept', async () => {
  const { lab, pool: made, use } = pool();
  const [idle, busy] = [await use(), await use()];
  idle.exchange.answered();
  made.close();
  busy.exchange.answered();
  await turn();
  expect([made.idle, lab.ended]).toEqual([0, 2]);
});

test('an object whose SDK keeps what it knows of a client elsewhere is refused', async () => {
  const made = new ServerPool({
    fleetKey: () => '',
    create: async () => ({ connect: async () => {}, close: async () => {} }) as never,
    failed: () => {},
  });
  await expect(made.take(new ModernExchange())).rejects.toThrow('_clientCapabilities');
});
