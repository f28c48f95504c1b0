import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What measures time, or lets processes be late: these files run alone, one after the other, after all others. */
const TIMED = [
  'test/processes/**/*.test.ts',
  'test/server/busy-loop.test.ts',
  'test/server/hostile.test.ts',
  'test/stores/store-away.test.ts',
];

/** What a test waits for comes late on a busy machine; that it came at all is what most of them want to know. */
const PATIENT = { poll: { timeout: 10_000 } };

// Half of what a process of berth's takes to start is reading TypeScript; the tests start hundreds.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/node', import.meta.url));

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cluster/**', 'test/third-party/**', 'test/ratios/**', ...TIMED],
          testTimeout: 30_000,
          expect: PATIENT,
          // Many tests wait more than they work; on two cores vitest would run one file at a time.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'unit-timed',
          include: TIMED,
          testTimeout: 30_000,
          expect: PATIENT,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'third-party',
          include: ['test/third-party/**/*.test.ts'],
          globalSetup: 'test/third-party/python/global-setup.ts',
          // A server of Python takes 2 s to start on a busy machine.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: PATIENT,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'ratios',
          include: ['test/ratios/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
