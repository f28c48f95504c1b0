import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseSize } from '../../src/config/units.ts';
import { memoryLimit } from '../../src/server/memory-limit.ts';
import { fixture, serveAuto, startAuto } from '../fixtures/serve-auto.ts';
import { inSession, openSession, post, toolCall } from '../server/wire.ts';

const PLAIN_SERVER = fileURLToPath(new URL('../fixtures/stdio/plain-server.sh', import.meta.url));
const MIB = 1024 ** 2;
/** MiB: what bounds the modules of these tests, on any machine. */
const HEAP = 512;

test('the cap goes by what a session of the module takes', async () => {
  const [small, large] = await Promise.all([serveAuto(HEAP, fixture('small')), serveAuto(HEAP, fixture('large'))]);
  const [ofSmall] = small.computed;
  expect(ofSmall).toMatchObject({ maxConnections: small.maxConnections, boundBy: 'heap', heap: `${HEAP}MiB` });
  const { heap } = (ofSmall as unknown as { readonly perSession: { readonly heap: string } }).perSession;
  const each = parseSize(heap) as number;
  const expected = (each + 5 * MIB) / each;
  const ratio = small.maxConnections / large.maxConnections;
  expect(ratio).toBeGreaterThan(expected * 0.85);
  expect(ratio).toBeLessThan(expected * 1.15);
});

test('every number that berth shows is the one it computed, and no sample is among them', async () => {
  const { computed, counts, maxConnections, metric } = await serveAuto(HEAP, fixture('large'));
  expect(computed).toHaveLength(1);
  expect(maxConnections).toBeGreaterThan(1);
  expect(await counts()).toMatchObject({ max: maxConnections, active: 0 });
  expect(await metric('mcp_max_connections')).toBe(maxConnections);
  expect(await metric('mcp_sessions_opened_total')).toBeOneOf([0, undefined]);
});

test('workers find out for themselves, and their sum is shown', async () => {
  const { computed, counts, maxConnections, metric } = await serveAuto(HEAP, '--workers', '2', fixture('large'));
  expect(computed).toHaveLength(2);
  const sum = computed.reduce((total, line) => total + Number(line['maxConnections']), 0);
  expect(maxConnections).toBe(sum);
  expect(await counts()).toMatchObject({ max: sum });
  expect(await metric('mcp_max_connections')).toBe(sum);
});

test('a module that can not make a session does not start, and says what to do', async () => {
  for (const workers of [[], ['--workers', '2']]) {
    const { exited, child, logs } = startAuto(HEAP, ...workers, fixture('without-sessions'));
    const closed = once(child.stderr, 'close');
    expect(await exited).toEqual([2, null]);
    await closed;
    expect(logs.map(({ msg }) => msg)).toContain(
      'error: --max-connections auto opened a session of sized to measure what one takes, and failed: no database here. Mend the server, or give a number.',
    );
  }
});

test('an upstream that is not there yet holds nothing up', async () => {
  const { computed } = await serveAuto(HEAP, '--upstream', 'http://127.0.0.1:1/mcp');
  expect(computed[0]).toMatchObject({ boundBy: 'heap', samples: 0 });
});

const memory = memoryLimit(process.constrainedMemory(), totalmem()).bytes;

// What is counted is counted in /proc.
describe.skipIf(!existsSync('/proc/self/environ'))('a command', () => {
  test('is measured by its processes, and served by as many', async () => {
    const { computed, maxConnections, url } = await serveAuto(HEAP, '--', PLAIN_SERVER);
    const { samples, perSession } = computed[0] as unknown as {
      readonly samples: number;
      readonly perSession: { readonly beside: string };
    };
    expect(samples).toBeLessThanOrEqual(5);
    expect(parseSize(perSession.beside)).toBeGreaterThan(0.05 * MIB);
    expect(maxConnections).toBeGreaterThan(1);
    const answer = await post(url, toolCall(1, 'whoami'), inSession(await openSession(url)));
    expect(await answer.text()).toContain('"text"');
  });

  test('that all share takes memory once', async () => {
    const { computed } = await serveAuto(HEAP, '--share', '--', PLAIN_SERVER);
    expect(computed[0]).toMatchObject({ boundBy: 'heap', perSession: { beside: '0' } });
  });

  test('takes what it may take, if that is given', async () => {
    const child = 64 * MIB;
    const { maxConnections } = await serveAuto(HEAP, '--child-memory', '64MiB', '--', PLAIN_SERVER);
    expect(maxConnections).toBeLessThan(memory / child);
    expect(maxConnections).toBeGreaterThan((0.9 * memory) / child - 4);
  });
});
