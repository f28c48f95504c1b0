import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspect } from './inspect.ts';
import { type PythonClient, startPython } from './play-python.ts';
import { playV1 } from './play-v1.ts';
import { playV2 } from './play-v2.ts';
import { type Listening, serve } from './process.ts';
import {
  comparable,
  fewOf,
  introduction,
  modernSteps,
  payloads,
  type Script,
  type Target,
  type Transcript,
} from './script.ts';
import type { Prepared, ServerCase } from './server-case.ts';

/** A client with sessions, which gets everything. */
interface LegacyClient {
  readonly name: string;
  play(target: Target, script: Script, python: PythonClient): Promise<Transcript>;
}

const LEGACY: readonly LegacyClient[] = [
  { name: 'the TypeScript SDK 1', play: playV1 },
  { name: 'the TypeScript SDK 2', play: (target, script) => playV2(target, script) },
  { name: 'the Python SDK', play: (target, script, python) => python.play(target, script, 'legacy') },
];

/** The same client in the legacy era, asking directly, and in the modern one. */
interface ModernClient {
  readonly name: string;
  play(target: Target, script: Script, era: 'legacy' | 'modern', python: PythonClient): Promise<Transcript>;
}

const MODERN: readonly ModernClient[] = [
  { name: 'the TypeScript SDK 2', play: playV2 },
  {
    name: 'the Python SDK',
    play: (target, script, era, python) => python.play(target, script, era === 'modern' ? 'auto' : 'legacy'),
  },
];

/** Asks these servers directly and through `berth serve`, with each client. */
export function compareEach(servers: readonly ServerCase[]): void {
  let python: PythonClient;
  beforeAll(() => {
    python = startPython();
  });
  afterAll(() => python.close());

  describe.for(servers)('$name', ({ prepare }) => {
    let folder: string;
    let prepared: Prepared;
    let berth: Listening;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'berth-third-party-'));
      prepared = await prepare(folder);
      berth = await serve(prepared.serve, prepared.environment);
    });

    afterAll(async () => {
      await berth?.close();
      await prepared?.running?.close();
      await rm(folder, { recursive: true, force: true });
    });

    test.for(LEGACY)('tells $name the same through berth as directly', async ({ play }) => {
      const script = { steps: prepared.steps, roots: [prepared.root] };
      const direct = comparable(await play(prepared.direct, script, python));
      expect(direct.answers.length).toBeGreaterThan(3);
      expect(comparable(await play({ url: berth.url }, script, python))).toEqual(direct);
    });

    test.for(MODERN)('tells $name the same in the modern era', async ({ play }) => {
      const { direct: target, steps, slow, modern } = prepared;
      const able = modernSteps(steps);
      const script = { steps: 'command' in target ? fewOf(able, slow ? 2 : 4) : able };
      const direct = comparable(await play(target, script, modern ? 'modern' : 'legacy', python));
      const through = comparable(await play({ url: berth.url }, script, 'modern', python));
      expect(payloads(through)).toEqual(payloads(direct));
      expect(introduction(through)).toEqual(introduction(direct));
    });

    test('shows the Inspector the same', async () => {
      const { direct: target, call, slow } = prepared;
      const show = (where: Target) => inspect(where, { call, list: !slow, home: folder });
      const [direct, through] = await Promise.all([show(target), show({ url: berth.url })]);
      expect(through).toEqual(direct);
    });
  });
}
