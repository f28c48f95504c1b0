import { runLoad } from '../load/load.ts';
import { type LoadArguments, type LoadConfig, readLoadConfig } from '../load/load-config.ts';
import type { LoadPlan, Progress } from '../load/plan.ts';
import type { LoadReport } from '../load/report.ts';
import { failuresText, reportText } from '../load/report-text.ts';
import { memoryOfProcess, memoryOfServer } from '../load/server-memory.ts';
import { firstSignal } from './first-signal.ts';

const PROGRESS_MS = 500;

/**
 * Puts load on a server and prints what it has seen. A signal ends it early, a second one at once. Answers the exit code:
 * 1 when no session could be opened.
 */
export async function runLoadCommand(args: LoadArguments): Promise<0 | 1> {
  const config = readLoadConfig(args);
  const stop = new AbortController();
  const cut = firstSignal().then(({ second }) => {
    stop.abort();
    return new Promise<undefined>((resolve) => second.addEventListener('abort', () => resolve(undefined)));
  });
  const screen = progressLine();
  let report: LoadReport | undefined;
  try {
    report = await Promise.race([runLoad(planOf(config), stop.signal, screen.watch), cut]);
  } finally {
    screen.clear();
  }
  if (report === undefined) return 1;
  process.stdout.write(config.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report));
  const { asked, opened, outcomes } = report.opening;
  if (opened > 0) return 0;
  const why = failuresText(outcomes) || 'stopped before';
  process.stderr.write(`error: None of ${asked} sessions could be opened at ${report.url}: ${why}.\n`);
  return 1;
}

function planOf(config: LoadConfig): LoadPlan {
  const { url, headers, sessions, era, streams, duration, rate, churn, timeout, pid, admin } = config;
  const { openRate, concurrency, slowReaders, readRate, method, tool, arguments: args } = config;
  return {
    ...{ url, headers, sessions, streams, duration, churn },
    eras: era === 'mixed' ? ['legacy', 'modern'] : [era],
    opening: openRate === undefined ? { concurrency } : { rate: openRate },
    ...(rate === undefined ? {} : { rate }),
    wanted:
      method !== undefined
        ? { kind: 'method', method, params: args ?? {} }
        : tool !== undefined
          ? { kind: 'tool', name: tool, ...(args && { arguments: args }) }
          : { kind: 'any' },
    slow: { readers: slowReaders, bytesPerSecond: readRate },
    connection: { timeout },
    ...(pid !== undefined && { memory: () => memoryOfProcess(pid) }),
    ...(admin !== undefined && { memory: () => memoryOfServer(admin) }),
  };
}

/** One line on stderr that is written over, where there is a terminal to show it. */
function progressLine() {
  let timer: NodeJS.Timeout | undefined;
  const write = (text: string) => process.stderr.write(`\r\x1b[K${text}`);
  return {
    watch(progress: () => Progress): void {
      if (!process.stderr.isTTY) return;
      timer = setInterval(() => {
        const { phase, opened, answered } = progress();
        write(`${phase}: ${opened} sessions open, ${answered} calls answered`);
      }, PROGRESS_MS);
    },
    clear(): void {
      if (timer === undefined) return;
      clearInterval(timer);
      write('');
    },
  };
}
