import { z } from 'zod';
import { isHttpUrl, isPeer, isSessionStore } from './addresses.ts';
import { duration, port, size } from './units.ts';

export const TRANSPORTS = ['stdio', 'sse', 'streamable-http', 'http-compat'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** A number of connections, where `auto` would say too little. */
export const connectionCount = z.int().min(1).max(1_000_000);
export const DEFAULT_MAX_CONNECTIONS = 1000;

const hostNames = z.array(z.string().min(1).max(253));
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Everything that `berth serve` can be told. The flag, the environment variable and the key of the config file come
 * from the same name: `maxConnections` is `--max-connections`, `BERTH_MAX_CONNECTIONS` and `maxConnections`.
 */
export const serveConfigSchema = z.strictObject({
  transport: z.enum(TRANSPORTS).default('streamable-http').describe('how clients speak to this server'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; the image sets 0.0.0.0'),
  port: port.default(8000).describe('port for MCP clients'),
  adminPort: port
    .default(9464)
    .describe('port for metrics, probes and /connections; keep it out of the public Service'),
  workers: z.int().min(1).max(256).default(1).describe('processes on this machine that share the port as one fleet'),
  maxConnections: z
    .union([connectionCount, z.literal('auto')])
    .default(DEFAULT_MAX_CONNECTIONS)
    .describe('connections that one worker holds at most; auto: as many as its memory has room for'),
  sessionIdleTimeout: duration('1s').prefault('30m').describe('a session unused for so long is closed'),
  parkAfter: duration('1s').prefault('60s').describe('a quiet parkable session is parked after this'),
  maxParked: z.int().min(0).optional().describe('records of parked sessions to keep; 10 × the cap if not set'),
  maxEventLog: size('0B', '64MiB').prefault('64KiB').describe('bytes of events kept per session for Last-Event-ID'),
  evictAfter: duration('1s')
    .prefault('5m')
    .describe('when full, a session without stream or call may be closed after this'),
  maxRequestsPerSession: z
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .describe('requests in flight of one session; then 429'),
  maxCallDelay: duration('50ms', '1h')
    .prefault('400ms')
    .describe('ready calls that wait longer than this, as a mean over 2 s, keep new work out; 1h: never'),
  maxBody: size('1KiB', '256MiB').prefault('4MiB').describe('bytes of one request body; then 413'),
  bodyTimeout: duration('100ms', '10m').prefault('10s').describe('time for a whole request to arrive; then 408'),
  maxStreamBuffer: size('128KiB', '256MiB').prefault('1MiB').describe('unread bytes per stream before it is cut'),
  drainDelay: duration('0s', '10m').prefault('5s').describe('time to go on serving after SIGTERM'),
  drainWindow: duration('0s', '1h').prefault('15s').describe('time over which open streams are closed'),
  longestCall: duration('0s', '24h').prefault('60s').describe('time that calls in flight get to finish'),
  sessionStore: z
    .string()
    .refine(isSessionStore, 'must be memory or an address such as redis://host:6379 or rediss://host:6379')
    .default('memory')
    .describe('memory, redis://… or rediss://…'),
  peers: z
    .array(z.string().refine(isPeer, 'must be a host or host:port, with an IPv6 address in brackets'))
    .default([])
    .describe('the other pods: one DNS name, or addresses'),
  peerPort: port.default(8001).describe('port that pods of one fleet talk to each other on'),
  peerIdentity: z
    .string()
    .regex(/^(auto|key:.+)$/, 'must be auto, or key: and the path of a file')
    .default('auto')
    .describe('how pods prove who they are: auto, or key:FILE'),
  allowedHosts: hostNames.default(LOOPBACK).describe('Host names that clients may use; * allows any'),
  allowedOrigins: hostNames.default(LOOPBACK).describe('origins of web pages that may call; * allows any'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('least level that is logged'),
  logFormat: z.enum(['json', 'text']).default('json').describe('json for machines, text for a terminal'),
  stateless: z.boolean().default(false).describe('legacy requests are served without sessions'),
  upstream: z
    .string()
    .refine(isHttpUrl, 'must be the http:// or https:// address of an MCP endpoint, such as http://127.0.0.1:9000/mcp')
    .optional()
    .describe('address of a server that listens elsewhere, to serve in place of a module'),
  sessions: z
    .enum(['resident', 'parkable'])
    .default('resident')
    .describe('parkable: a command or upstream keeps nothing of a session, so it may be started again for one'),
  share: z.boolean().default(false).describe('one process of the command serves all clients, who may see each other'),
  warmChildren: z
    .int()
    .min(0)
    .max(1_000)
    .default(1)
    .describe('processes of the command started ahead of their sessions'),
  startTimeout: duration('1s', '30m').prefault('30s').describe('time for a command to answer its first request'),
  silenceTimeout: duration('1s', '24h')
    .prefault('5m')
    .describe(
      'a command that owes an answer and sends no message for so long, not even in answer to a ping, is killed',
    ),
  maxMessage: size('64KiB', '1GiB')
    .prefault('16MiB')
    .describe('bytes of one message of a command or upstream, or over stdio'),
  childMemory: size('16MiB', '1024GiB')
    .optional()
    .describe('memory that each process of a command may use; no limit if not set'),
  childProcesses: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('processes that one child may consist of; no limit if not set'),
  passEnvironment: z
    .array(z.string().regex(/^(\*|[A-Za-z_][A-Za-z0-9_]*\*?)$/, 'must be the name of a variable, or a prefix and *'))
    .default([])
    .describe('environment variables that a command gets beside PATH, HOME and the like; NAME* for all that begin so'),
});

/** The validated configuration as it was asked for: durations in milliseconds, sizes in bytes. */
export type AskedConfig = Readonly<z.output<typeof serveConfigSchema>>;

/** The same for one worker that serves: by then `auto` is a number. */
export interface ServeConfig extends AskedConfig {
  readonly maxConnections: number;
}
export type ServeConfigKey = keyof ServeConfig;

export const serveConfigKeys = Object.keys(serveConfigSchema.shape) as readonly ServeConfigKey[];

/** Records of parked sessions for each connection that a worker may hold, unless `maxParked` says otherwise. */
const PARKED_PER_CONNECTION = 10;

/** The records of parked sessions that a worker keeps at most. */
export function parkedLimit({ maxParked, maxConnections }: Pick<ServeConfig, 'maxParked' | 'maxConnections'>): number {
  return maxParked ?? PARKED_PER_CONNECTION * maxConnections;
}

/** `maxConnections` → `--max-connections`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `maxConnections` → `BERTH_MAX_CONNECTIONS`. */
export function environmentName(key: string): string {
  return `BERTH_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
