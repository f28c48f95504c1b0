import { setTimeout as sleep } from 'node:timers/promises';
import { UPSTREAM_BYTES } from '../../config/memory-costs.ts';
import { UsageError } from '../../config/problems.ts';
import type { AskedConfig } from '../../config/serve-config.ts';
import type { Source } from '../../sources/source.ts';
import type { Log } from '../log.ts';
import { startLimitOf } from '../start-limit.ts';
import type { LiveMemory } from './live-memory.ts';
import { agree, type Measured, measureSessions } from './measure-sessions.ts';
import { openSample } from './sample-session.ts';

export interface MeasureSourceOptions {
  readonly config: Pick<AskedConfig, 'upstream' | 'childMemory' | 'share' | 'startTimeout'>;
  readonly log: Log;
  /** Reads this process's memory. */
  live(): Promise<LiveMemory>;
  /** Bytes that samples may fill. */
  readonly room: number;
}

/** A server elsewhere may not be there yet, and its memory is its own affair; what is here is always the same. */
const OF_UPSTREAM: Measured = {
  each: { heap: UPSTREAM_BYTES, external: 0, children: 0 },
  shared: { heap: 0, external: 0, children: 0 },
  sessions: 0,
};

const LOOK_AGAIN_MS = 200;
const MOST_LOOKS = 10;

/** A command may start helpers after its first answer: what its processes take once that has come to rest. */
async function settled(read: () => Promise<number>): Promise<number> {
  let last = await read();
  for (let look = 1; look < MOST_LOOKS && last > 0; look++) {
    await sleep(LOOK_AGAIN_MS);
    const next = await read();
    if (agree(last, next)) return next;
    last = next;
  }
  return last;
}

/** Measures the sessions of a source; a UsageError says why that can not be done. */
export async function measureSource(source: Source, options: MeasureSourceOptions): Promise<Measured> {
  const { config, log, live, room } = options;
  if (config.upstream !== undefined) return OF_UPSTREAM;
  const { definition, childrenMemory } = source;
  if (config.childMemory === undefined && childrenMemory !== undefined && (await childrenMemory()) === undefined) {
    throw new UsageError([
      '--max-connections auto reads the memory of the command’s processes, and there is no /proc to read it from. Give --child-memory, or a number.',
    ]);
  }
  const failed = (error: unknown) => log.error({ err: error }, 'Server object failed');
  const startLimit = startLimitOf(config.startTimeout);
  try {
    return await measureSessions({
      open: () => openSample({ definition, startLimit, failed }),
      read: async () => ({ ...(await live()), children: await settled(async () => (await childrenMemory?.()) ?? 0) }),
      processes: childrenMemory !== undefined && !config.share,
      room,
      clock: () => performance.now(),
    });
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replace(/\.?$/, '.');
    throw new UsageError([
      `--max-connections auto opened a session of ${definition.name} to measure what one takes, and failed: ${why} Mend the server, or give a number.`,
    ]);
  }
}
