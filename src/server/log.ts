import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type Log = Logger;

export interface LogOptions {
  readonly logLevel: string;
  readonly logFormat: 'json' | 'text';
}

/** The process's log on stderr: JSON for machines, or one plain line per entry for a terminal. */
export function createLog(
  { logLevel, logFormat }: LogOptions,
  out: DestinationStream = destination({ fd: 2, sync: true }),
): Log {
  const options = { level: logLevel, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  return pino(options, logFormat === 'json' ? out : { write: (line: string) => out.write(plainLine(line)) });
}

const LEVELS: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'error' };

function plainLine(line: string): string {
  const { level, time, msg, err, ...details } = JSON.parse(line) as Record<string, unknown>;
  const pairs = Object.entries(details).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = (err as { stack?: string } | undefined)?.stack;
  const text = [String(time).slice(11, 19), LEVELS[Number(level)] ?? level, msg, ...pairs].join(' ');
  return `${text}${stack === undefined ? '' : `\n${stack}`}\n`;
}
