import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Era } from '../src/load/clients/client.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import { ConnectionError, describeOutcome, RequestFailed } from '../src/load/outcome.ts';
import { type Call, type Fields, RequestEncoder } from '../src/load/requests.ts';
import { benchClient } from './bench-client.ts';
import { openSession } from './legacy-session.ts';
import { callBytes, Reader } from './readers.ts';

/** Longer than a quiet session needs to be parked, or to doze with its stream open. */
const QUIET_MS = 2_500;
/** What a client leaves in the middle of takes longer than this. */
const MIDDLE_MS = 50;
/** More than the kernel's socket buffers and the server's take together. */
const FLOOD = tool('flood', { count: 128, kib: 64 });
const LARGE = tool('large', { kib: 512 });
const LONGEST = tool('large', { kib: 6_144 });
const TICKS = tool('ticks', { count: 10, ms: 20 });
const WAIT = tool('wait', { ms: 300 });

function tool(name: string, args: Readonly<Record<string, unknown>>): Call {
  return { method: 'tools/call', params: { name, arguments: args } };
}

/** What one client does from its coming to its end; rejects when the server does not do its part. */
export type Act = (url: URL) => Promise<void>;

/** Opens a client, has it do something, and closes its sockets whatever comes of that. */
const withClient =
  (era: Era, act: (client: Client) => Promise<void>): Act =>
  async (url) => {
    const client = benchClient(era, url.href);
    try {
      await client.open();
      await act(client);
    } finally {
      client.vanish();
    }
  };

async function call(client: Client, prepared: Call): Promise<void> {
  client.prepare(prepared);
  const outcome = await client.call();
  if (outcome.kind !== 'result') throw new RequestFailed(String(prepared.params['name']), outcome);
}

const echo = (client: Client) => call(client, tool('echo', { value: 'x' }));

/** Closes its sockets a moment after it has asked for something. */
const vanishIn = (era: Era, request: Call, hold = false) =>
  withClient(era, async (client) => {
    if (hold) await client.hold();
    client.prepare(request);
    const answered = client.call();
    await sleep(MIDDLE_MS);
    client.vanish();
    const outcome = await answered;
    if (outcome.kind === 'http') throw new RequestFailed('A call', outcome);
    // A generator that was held up goes when it has its answer.
    if (outcome.kind !== 'connection' && outcome.kind !== 'result') {
      throw new Error(`${describeOutcome(outcome)} came to who had gone`);
    }
  });

const polite = (era: Era) =>
  withClient(era, async (client) => {
    await client.hold();
    for (let i = 0; i < 3; i++) await echo(client);
    await call(client, TICKS);
    await call(client, LARGE);
    await client.close();
  });

const returning = (era: Era, hold: boolean) =>
  withClient(era, async (client) => {
    if (hold) await client.hold();
    await echo(client);
    await sleep(QUIET_MS);
    await echo(client);
    if (hold && !client.holding) throw new Error('the stream had ended');
    await client.close();
  });

/** Gone before its first request is answered, or all of it sent. */
const vanishAtOnce =
  (era: Era): Act =>
  async (url) => {
    const client = benchClient(era, url.href);
    const opened = client.open().catch((error: unknown) => error);
    await sleep(1);
    client.vanish();
    const failed = await opened;
    if (failed !== undefined && !(failed instanceof ConnectionError)) throw failed;
    const bytes = callBytes(url, LARGE, undefined);
    const half = new Reader(url, bytes.subarray(0, bytes.length - 10));
    await sleep(MIDDLE_MS);
    half.leave();
  };

/** With a session whose sockets are its own; none in the modern era. */
const withSession =
  (era: 'legacy' | 'modern', act: (url: URL, session: Fields | undefined) => Promise<void>): Act =>
  async (url) => {
    const connection = new HttpConnection(url, { timeout: 60_000 });
    try {
      const session = era === 'legacy' ? await openSession(connection, url) : undefined;
      await act(url, session);
      if (session !== undefined)
        await connection.send(new RequestEncoder(url).request('DELETE', url.pathname, session));
    } finally {
      connection.close();
    }
  };

/** Has a reader ask, and closes its socket whatever comes of that. */
async function withReader<T>(url: URL, request: Buffer, act: (reader: Reader) => Promise<T>): Promise<T> {
  const reader = new Reader(url, request);
  try {
    return await act(reader);
  } finally {
    reader.leave();
  }
}

const cut = (era: 'legacy' | 'modern') =>
  withSession(era, (url, session) =>
    withReader(url, callBytes(url, FLOOD, session), async (reader) => {
      // It reads nothing from the time on when there is something to read: not while it waits for a slot.
      refusedIn(await reader.readUntil(() => reader.read > 0));
      await sleep(QUIET_MS / 5);
      const end = await reader.readUntil((tail) => tail.includes('"result"'));
      if (end.includes('"result"')) throw new Error(`a slow reader was not cut: ${reader.read} bytes`);
    }),
  );

const largeUnread = (era: 'legacy' | 'modern') =>
  withSession(era, (url, session) => withReader(url, callBytes(url, LONGEST, session), () => sleep(MIDDLE_MS * 4)));

/** Loses the stream of a call, and comes back for what it missed. */
const resuming = withSession('legacy', async (url, session = {}) => {
  const lost = await withReader(url, callBytes(url, TICKS, session), (reader) =>
    // A refusal leaves the socket open.
    reader.readUntil((tail) => tail.includes('"progress":3') || isRefusal(tail)),
  );
  const lastId = [...refusedIn(lost).matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? '';
  const fields = { Accept: 'text/event-stream', ...session, 'Last-Event-ID': lastId };
  const request = new RequestEncoder(url).request('GET', url.pathname, fields);
  const end = await withReader(url, request, (reader) => reader.readUntil((tail) => tail.includes('"result"')));
  if (!end.includes('ticked'))
    throw new Error(`who came back with ${lastId} was told ${JSON.stringify(end.slice(-300))}`);
});

function isRefusal(answer: string): boolean {
  return answer.startsWith('HTTP/1.1 503');
}

/** Throws the refusal that an answer is; otherwise answers it. */
function refusedIn(answer: string): string {
  if (isRefusal(answer)) throw new RequestFailed('A call', { kind: 'http', status: 503 });
  return answer;
}

/** Reads nothing of its stream while it brings much. */
const slowStream = withClient('sse', async (client) => {
  await echo(client);
  client.slowDown(1);
  client.prepare(FLOOD);
  const answered = client.call();
  await sleep(QUIET_MS / 5);
  client.vanish();
  const outcome = await answered;
  if (outcome.kind !== 'connection') throw new Error(`${describeOutcome(outcome)} came to who does not read`);
});

/** What clients do, by name; each is done as often as any other. */
export const ACTS = {
  'legacy polite': polite('legacy'),
  'legacy vanishes in a call': vanishIn('legacy', WAIT),
  'legacy vanishes in a stream': vanishIn('legacy', TICKS, true),
  'legacy vanishes at once': vanishAtOnce('legacy'),
  'legacy parked and back': returning('legacy', false),
  'legacy dozes and is back': returning('legacy', true),
  'legacy resumes': resuming,
  'legacy is cut': cut('legacy'),
  'legacy leaves a large answer unread': largeUnread('legacy'),
  'modern polite': polite('modern'),
  'modern vanishes in a call': vanishIn('modern', WAIT),
  'modern vanishes in a stream': vanishIn('modern', TICKS, true),
  'modern vanishes at once': vanishAtOnce('modern'),
  'modern listens and is back': returning('modern', true),
  'modern is cut': cut('modern'),
  'modern leaves a large answer unread': largeUnread('modern'),
  'sse polite': polite('sse'),
  'sse vanishes in a call': vanishIn('sse', WAIT),
  'sse vanishes at once': vanishAtOnce('sse'),
  'sse dozes and is back': returning('sse', true),
  'sse reads nothing': slowStream,
} satisfies Readonly<Record<string, Act>>;

export type ActName = keyof typeof ACTS;
