import type { AskedConfig } from '../../config/serve-config.ts';
import { formatSize } from '../../config/units.ts';
import type { Source } from '../../sources/source.ts';
import type { Log } from '../log.ts';
import { memoryLimit, oldSpaceLimit } from '../memory-limit.ts';
import { capFor, type Room } from './cap-for.ts';
import { liveMemoryReader } from './live-memory.ts';
import { measureSource } from './measure-source.ts';
import { type Needs, needsOf } from './session-needs.ts';

export interface AutoCapOptions {
  readonly config: AskedConfig;
  readonly source: Source;
  readonly log: Log;
  /** Bytes of memory of the process that watches the workers; 0 for one that serves alone. */
  readonly supervisor: number;
}

/** Samples fill no more than this part of what is free: one that is larger is measured by itself. */
const SAMPLES_SHARE = 1 / 4;
const MIB = 1024 ** 2;

/**
 * How many sessions there is room for, by the cost of sample sessions of this very source (docs/decisions/0013). Throws
 * a UsageError when that can not be told; the source is the caller's to close.
 */
export async function autoCap({ config, source, log, supervisor }: AutoCapOptions): Promise<number> {
  const live = liveMemoryReader();
  const limit = memoryLimit();
  const memory = (limit.bytes - supervisor) / config.workers;
  const heap = oldSpaceLimit();
  const { heap: heapAtRest } = await live();
  const resident = process.memoryUsage.rss();
  const free = Math.min(memory - resident, heap - heapAtRest);
  const measured = await measureSource(source, { config, log, live, room: SAMPLES_SHARE * free });
  const served = {
    parkable: source.definition.sessions === 'parkable',
    processes: source.childrenMemory !== undefined,
  };
  const needs = needsOf(measured, config, served);
  const { once, cost } = needs;
  const atRest = { memory: resident + once.heap + once.beside, heap: heapAtRest + once.heap };
  const room = { memory, heap, atRest };
  const cap = capFor(room, cost);
  const details = { ...cap, memoryOf: limit.of, ...readable(room, needs), samples: measured.sessions };
  const advice = 'give more memory, or a smaller --max-event-log or --max-parked';
  if (cap.boundBy === 'least') log.warn(details, `Found no room for a session with --max-connections auto: ${advice}`);
  else log.info(details, 'Computed --max-connections auto');
  return cap.maxConnections;
}

function readable({ memory, heap, atRest }: Room, { cost }: Needs) {
  return {
    memory: rounded(memory),
    heap: rounded(heap),
    atRest: { memory: rounded(atRest.memory), heap: rounded(atRest.heap) },
    perSession: { heap: rounded(cost.objects + cost.records), beside: rounded(cost.beside) },
  };
}

/** As settings have it, to a precision that means something. */
function rounded(bytes: number): string {
  const unit = bytes < MIB ? 1024 : MIB;
  return formatSize(Math.round(bytes / unit) * unit);
}
