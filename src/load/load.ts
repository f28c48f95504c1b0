import { chooseCall } from './choose-call.ts';
import { Counters } from './counters.ts';
import { cutAfter } from './cut-after.ts';
import { forEach } from './for-each.ts';
import { makeCalls } from './make-calls.ts';
import { openSessions } from './open-sessions.ts';
import type { LoadPlan, Progress } from './plan.ts';
import type { LoadReport, Phase } from './report.ts';
import { Seat } from './seat.ts';
import type { Tally } from './tally.ts';

/** Sessions that are under way when a run is stopped get so long to open, and all of them so long to be closed. */
const GRACE_MS = 2_000;
const CLOSING_MS = 10_000;
/** Sessions that are closed at a time. */
const CLOSED_AT_ONCE = 64;

/**
 * Opens the sessions, makes calls from all of them, and closes them; reports what it has seen, also when the signal ends it
 * early. What the server does is counted; rejects only when the wanted call can not be made or the memory can not be read.
 */
export async function runLoad(
  plan: LoadPlan,
  signal: AbortSignal,
  watch: (progress: () => Progress) => void = () => {},
): Promise<LoadReport> {
  const counters = new Counters();
  const seats = Array.from({ length: plan.sessions }, (_, index) => new Seat(plan, index, counters));
  const open = () => seats.filter(({ client }) => client !== undefined);
  let phase: Progress['phase'] = 'opening';
  watch(() => ({ phase, opened: open().length, answered: counters.calls.answered }));
  try {
    const memoryBefore = await plan.memory?.();
    const opening = startPhase(counters.opening);
    await cutAfter(openSessions(seats, plan.opening, signal), signal, GRACE_MS, seats);
    const openingPhase = opening();
    const opened = open();
    // A server that has gone down meanwhile has none; what became of the sessions says more.
    const memoryOpen = await plan.memory?.().catch(() => undefined);
    phase = 'calling';
    const { held, calls } = await callFrom(opened, plan, counters, signal);
    return {
      url: plan.url.href,
      eras: plan.eras,
      // Sessions that were opened again meanwhile count here too.
      opening: { asked: plan.sessions, opened: opened.length, ...openingPhase, ...seen(counters.opening) },
      ...(calls === undefined ? {} : { calls }),
      streams: {
        held,
        opened: counters.streamsOpened,
        endedByServer: counters.streamsEnded,
        events: counters.events,
        bytes: counters.bytes,
        outcomes: counters.streams.outcomes,
      },
      churn: { ...counters.left },
      ...(memoryBefore === undefined || memoryOpen === undefined
        ? {}
        : {
            memory: {
              before: memoryBefore,
              open: memoryOpen,
              ...(opened.length > 0 && { perSession: Math.round((memoryOpen - memoryBefore) / opened.length) }),
            },
          }),
    };
  } finally {
    phase = 'closing';
    const closed = forEach(open(), CLOSED_AT_ONCE, (seat) => seat.close(), AbortSignal.timeout(CLOSING_MS));
    await cutAfter(closed, AbortSignal.abort(), CLOSING_MS, seats);
  }
}

/** Makes the calls of a plan, and tells how many streams were open at their end. */
async function callFrom(
  seats: readonly Seat[],
  plan: LoadPlan,
  counters: Counters,
  signal: AbortSignal,
): Promise<{ readonly held: number; readonly calls?: LoadReport['calls'] }> {
  const holding = () => seats.filter(({ client }) => client?.holding).length;
  const client = seats[0]?.client;
  if (client === undefined || signal.aborted) return { held: holding() };
  const choosing = plan.rate === 0 ? undefined : chooseCall(plan.wanted, client);
  const call = await cutAfter(choosing ?? Promise.resolve(undefined), signal, GRACE_MS, seats).catch(
    (error: unknown) => {
      // What fails because the run was stopped is no reason to tell nothing.
      if (signal.aborted) return undefined;
      throw error;
    },
  );
  if (call !== undefined) for (const seat of seats) seat.prepare(call);
  const calling = startPhase(counters.calls);
  const cpu = process.cpuUsage();
  let atEnd = { held: 0, seconds: 0, perSecond: 0, generatorCpu: 0 };
  const unsent = await makeCalls(seats, plan, signal, () => {
    const { user, system } = process.cpuUsage(cpu);
    atEnd = { held: holding(), ...calling(), generatorCpu: (user + system) / 1_000_000 };
  });
  const { held, ...phase } = atEnd;
  return call === undefined ? { held } : { held, calls: { call, ...phase, unsent, ...seen(counters.calls) } };
}

/** Begins to measure; the answer ends it. */
function startPhase(tally: Tally): () => Pick<Phase, 'seconds' | 'perSecond'> {
  const begun = performance.now();
  return () => {
    const seconds = (performance.now() - begun) / 1_000;
    return { seconds, perSecond: seconds === 0 ? 0 : tally.answered / seconds };
  };
}

function seen({ histogram: { latencies }, outcomes }: Tally): Pick<Phase, 'latency' | 'outcomes'> {
  return { ...(latencies && { latency: latencies }), outcomes };
}
