import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { JsonRpcMessage } from '../../../src/protocol/json-rpc.ts';
import type { Child } from '../../../src/sources/command/child.ts';
import { Children, type ChildrenOptions } from '../../../src/sources/command/children.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/stdio/', import.meta.url));

/** The command of a program that behaves as told. */
export const behaviour = (...args: readonly string[]) => [process.execPath, `${fixtures}behave.mjs`, ...args];

/** The command of a program that has children of this command. */
export const parentOf = (command: readonly string[]) => [`${fixtures}parent.ts`, ...command];

export interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** A log, and what was written to it. */
export function keptLog() {
  const entries: LogEntry[] = [];
  const log = pino({ base: null }, { write: (line: string) => void entries.push(JSON.parse(line) as LogEntry) });
  return { log, entries };
}

/** Children of a command, which are gone after the test. */
export function childrenOf(command: readonly string[], options: Partial<ChildrenOptions> = {}) {
  const { log, entries } = keptLog();
  const children = new Children({
    command,
    environment: { PATH: process.env['PATH'] ?? '' },
    maxMessage: 1024 * 1024,
    childMemory: undefined,
    childProcesses: undefined,
    log,
    clock: () => performance.now(),
    ...options,
  });
  onTestFinished(() => children.close());
  return { children, entries };
}

/** Hears all that a child says. */
export function listenTo(child: Child): JsonRpcMessage[] {
  const heard: JsonRpcMessage[] = [];
  child.listen({
    message(message) {
      heard.push(message);
      return undefined;
    },
    exited: () => {},
  });
  return heard;
}

/** The processes that bear this marker. */
export function bearers(marker: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).split('\0').includes(`BERTH_CHILD=${marker}`))
    .map(Number);
}

/** Whether there is such a process that has not ended. */
export function alive(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
