import { z } from 'zod';
import { isHttpUrl } from '../config/addresses.ts';
import { fromText } from '../config/from-text.ts';
import { problemsOf, UsageError } from '../config/problems.ts';
import { flagName } from '../config/serve-config.ts';
import { duration, size } from '../config/units.ts';
import type { Fields } from './requests.ts';

const MOST = 1_000_000;
const CONCURRENCY = 16;

/** Everything that `berth load` can be told; `slowReaders` is `--slow-readers`. */
export const loadConfigSchema = z.strictObject({
  sessions: z.int().min(1).max(MOST).default(50).describe('sessions to open, each with connections of its own'),
  era: z
    .enum(['legacy', 'modern', 'sse', 'mixed'])
    .default('legacy')
    .describe('protocol: sessions, 2026-07-28, HTTP+SSE, or legacy and modern in turns'),
  duration: duration('0s', '24h').prefault('10s').describe('how long calls are made'),
  rate: z
    .number()
    .min(0)
    .max(MOST)
    .optional()
    .describe('calls per second of all sessions together, 0 for none; as fast as answers come if not set'),
  openRate: z.number().min(0.01).max(MOST).optional().describe('sessions to open per second'),
  concurrency: z
    .int()
    .min(1)
    .max(MOST)
    .optional()
    .describe(`sessions opened at a time without --open-rate; ${CONCURRENCY} if not set`),
  streams: z.boolean().default(false).describe('hold a stream open with each session'),
  tool: z.string().min(1).optional().describe('tool to call; the first whose arguments can be made up if not set'),
  method: z.string().min(1).optional().describe('method to call in place of a tool, such as tools/list'),
  arguments: z.string().optional().describe('JSON object: arguments of --tool, or params of --method'),
  slowReaders: z.int().min(0).default(0).describe('so many of the sessions read slowly'),
  readRate: size('1B', '1GiB').prefault('1KiB').describe('bytes per second that a slow reader reads per connection'),
  churn: z
    .number()
    .min(0)
    .max(MOST)
    .default(0)
    .describe('sessions per second that leave and are opened again; every other one leaves without DELETE'),
  timeout: duration('10ms', '1h').prefault('60s').describe('time for a request to be answered'),
  pid: z.int().min(1).optional().describe('process of the server on this machine, to read its memory (Linux)'),
  admin: z
    .string()
    .refine(isHttpUrl, 'must be the http:// or https:// address of an admin port, such as http://127.0.0.1:9464')
    .optional()
    .describe('address of berth’s admin port, to read the memory of the server there'),
  output: z.enum(['text', 'json']).default('text').describe('form of the report'),
});

export type LoadConfigKey = keyof typeof loadConfigSchema.shape;
export type LoadConfig = Omit<Readonly<z.output<typeof loadConfigSchema>>, 'arguments' | 'concurrency'> & {
  readonly url: URL;
  readonly headers: Fields;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly concurrency: number;
};

export interface LoadArguments {
  readonly url: string;
  /** As they are written: `Name: value`. */
  readonly headers: readonly string[];
  readonly flags: Readonly<Partial<Record<LoadConfigKey, string | true>>>;
}

const keys = Object.keys(loadConfigSchema.shape) as readonly LoadConfigKey[];

/** Reads what was given on the command line. Throws a UsageError with every problem. */
export function readLoadConfig({ url, headers: lines, flags }: LoadArguments): LoadConfig {
  const problems: string[] = [];
  if (!isHttpUrl(url)) {
    problems.push(`The URL must be the http:// or https:// address of an MCP server. Got ${JSON.stringify(url)}.`);
  }
  const headers = readHeaders(lines, problems);
  const input = Object.fromEntries(
    keys.flatMap((key) => {
      const text = flags[key];
      if (text === undefined) return [];
      return [[key, text === true ? true : fromText(loadConfigSchema.shape[key], text)]];
    }),
  );
  const { data, error } = loadConfigSchema.safeParse(input);
  for (const { path, message } of error === undefined ? [] : problemsOf(error, input, () => keys)) {
    problems.push(`${flagName(path.split('.')[0] ?? '')} ${message}`);
  }
  const given = (key: LoadConfigKey) => flags[key] !== undefined;
  const conflict = (one: LoadConfigKey, other: LoadConfigKey) => {
    if (given(one) && given(other)) problems.push(`${flagName(one)} has no effect with ${flagName(other)}.`);
  };
  conflict('concurrency', 'openRate');
  conflict('tool', 'method');
  conflict('pid', 'admin');
  const needs = (one: LoadConfigKey, others: readonly LoadConfigKey[]) => {
    if (!given(one) || others.some(given)) return;
    problems.push(`${flagName(one)} has no effect without ${others.map(flagName).join(' or ')}.`);
  };
  needs('arguments', ['tool', 'method']);
  needs('readRate', ['slowReaders']);
  const args = flags.arguments === undefined ? undefined : readArguments(String(flags.arguments), problems);
  if (data !== undefined && data.slowReaders > data.sessions) {
    problems.push(`--slow-readers must be at most --sessions, which is ${data.sessions}. Got ${data.slowReaders}.`);
  }
  if (problems.length > 0 || data === undefined) throw new UsageError(problems);
  const { arguments: _, concurrency = CONCURRENCY, ...rest } = data;
  return { ...rest, url: new URL(url), headers, concurrency, ...(args && { arguments: args }) };
}

function readArguments(text: string, problems: string[]): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, as for other things that are no object.
  }
  problems.push(`--arguments must be a JSON object such as {"value":"x"}. Got ${JSON.stringify(text.slice(0, 80))}.`);
  return undefined;
}

/** Header fields that say how a request is framed, which is the client's to say. */
const FRAMING = ['content-length', 'transfer-encoding', 'connection'];

function readHeaders(lines: readonly string[], problems: string[]): Fields {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    // RFC 9110, 5.1 and 5.5.
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t -~\x80-\xff]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      // What follows the name may be a secret.
      const [shown = ''] = line.split(':');
      problems.push(`--header must be 'Name: value'. Got ${JSON.stringify(shown.slice(0, 40))} as the name.`);
    } else if (FRAMING.includes(name.toLowerCase())) {
      problems.push(`--header must not be ${name}, which each request has of its own.`);
    } else {
      headers[name] = value;
    }
  }
  return headers;
}
