import type { LoggedEvent, LogSnapshot, SessionRecord } from '../fleet/session-snapshot.ts';
import { call, RedisConnection, SILENCE_MS, type StoreLog } from './redis-connection.ts';
import type { Absent, Holder, Seen, SessionStore, Storable, TakeOver } from './session-store.ts';
import type { Write, WriteReply } from './session-write.ts';
import { parseStoreUrl } from './store-url.ts';
import { type Removal, WriteBehind } from './write-behind.ts';

export interface RedisStoreOptions {
  /** `redis://…` or `rediss://…`. */
  readonly url: string;
  /** Sets the keys of this fleet apart from others'. */
  readonly fleet: string;
  /** The pod's own owner tag. */
  readonly owner: string;
  /** Milliseconds that the store keeps a session nobody uses. */
  readonly idleTimeout: number;
  readonly log: StoreLog;
  /** Closes the store. */
  readonly signal?: AbortSignal;
  /** All sessions that this pod holds. */
  readonly held: () => Iterable<Storable>;
  /** Somebody else has taken the session over: the pod's copy is out of date. */
  readonly superseded: (id: string) => void;
}

/** A pod says hello once a second; for shorter idle timeouts its tag would come and go. */
const SHORTEST_TAGS_MS = 60_000;
const LOOKUPS = 500;

/**
 * A session store in Redis or Valkey, once it is known whether the server is there, which it need not be. Throws only
 * when the URL is wrong.
 */
export async function createRedisStore(options: RedisStoreOptions): Promise<SessionStore> {
  const address = parseStoreUrl(options.url);
  const { Redis } = await import('ioredis');
  const { owner, idleTimeout, log } = options;
  const prefix = `berth:${options.fleet}`;
  const keysOf = (id: string) => [`${prefix}:{${id}}:record`, `${prefix}:{${id}}:log`] as const;
  const tagsKey = `${prefix}:tags`;
  const channel = `${prefix}:changes`;
  /** Messages are the publisher's owner tag, a line feed, and the change. */
  const listeners: ((change: string) => void)[] = [];
  let refusing = false;

  const writer = new WriteBehind({
    idleTimeout,
    send,
    superseded: options.superseded,
    unstorable: (id, error) => log.warn({ session: id, reason: String(error) }, 'Could not store a session'),
  });
  const connection = new RedisConnection(Redis, {
    address,
    tagsKey,
    channel,
    owner,
    keepTags: Math.max(idleTimeout, SHORTEST_TAGS_MS),
    log,
    arrived() {
      writer.writeAll(options.held());
      writer.resume();
    },
    beat() {
      writer.keepAlive();
      writer.resume();
    },
    left: () => writer.pause(),
    message(text) {
      const end = text.indexOf('\n');
      if (text.slice(0, end) === owner) return;
      for (const listener of listeners) listener(text.slice(end + 1));
    },
  });
  const { redis } = connection;

  async function send(removals: readonly Removal[], writes: readonly Write[]): Promise<readonly WriteReply[] | 'away'> {
    const commands = [
      ...removals.map(({ id, epoch }) => ['berthRemove', ...keysOf(id), owner, epoch]),
      ...writes.map((write) => ['berthWrite', ...keysOf(write.id), ...writeArguments(write)]),
    ];
    const results = (await redis.pipeline(commands).exec()) ?? [];
    const errors = results.flatMap(([error]) => error ?? []);
    if (errors.some(({ name }) => name !== 'ReplyError')) return 'away';
    const [refusal] = errors;
    if (refusal !== undefined && !refusing) {
      log.warn({ store: address.shown, reason: refusal.message }, 'Could not store sessions, they go on in memory');
    }
    refusing = refusal !== undefined;
    return results.slice(removals.length).map(([error, reply]) => (error === null ? (reply as WriteReply) : 'failed'));
  }

  function writeArguments({ epoch, version, base, keep, record, head, events }: Write): (string | number)[] {
    return [owner, epoch, version, base?.version ?? '', base?.events ?? 0, keep, idleTimeout, record, head, ...events];
  }

  /** Answers `away` when the store is, or does not answer. */
  async function ask<T>(question: () => Promise<T>): Promise<T | 'away'> {
    if (!connection.available) return 'away';
    try {
      return await question();
    } catch {
      // The connection finds out by itself, and says so once.
      return 'away';
    }
  }

  const holderOf = ([epoch, by]: (string | null)[]): Holder | 'unknown' =>
    epoch && by ? { owner: by, epoch: Number(epoch) } : 'unknown';

  const store: SessionStore = {
    changed: (session) => writer.changed(session),
    has: (id) => writer.has(id),
    removed: (record) => writer.remove(record),
    released: (id) => writer.forget(id),

    async takeOver(id: string, by: string, seen: Seen = {}): Promise<TakeOver> {
      const answer = await ask(() => {
        const { ifOwner = '', ifEpoch = '' } = seen;
        const deadline = connection.serverTime + SILENCE_MS;
        return call(redis, 'berthTakeOver', ...keysOf(id), by, ifOwner, ifEpoch, idleTimeout, deadline);
      });
      if (answer === 'away') return 'away';
      const [outcome, ...found] = answer as [string, ...unknown[]];
      if (outcome === 'taken') {
        // An older copy of ours would be superseded by ourselves.
        writer.forget(id);
        return { taken: readSnapshot(found as [number, string, string, string[]]) };
      }
      if (outcome === 'held') return { heldBy: String(found[0]), epoch: Number(found[1]) };
      return outcome === 'unknown' ? 'unknown' : 'away';
    },

    find: (id): Promise<Holder | Absent> =>
      ask(async () => holderOf(await redis.hmget(keysOf(id)[0], 'epoch', 'owner'))),

    superseded: (records) =>
      ask(async () => {
        const lost = new Set<string>();
        for (let start = 0; start < records.length; start += LOOKUPS) {
          const some = records.slice(start, start + LOOKUPS);
          const found = await redis.pipeline(some.map(({ id }) => ['hmget', keysOf(id)[0], 'epoch', 'owner'])).exec();
          for (const [index, { id, epoch }] of some.entries()) {
            const [error, fields] = found?.[index] ?? [];
            if (error) throw error;
            const holder = holderOf(fields as (string | null)[]);
            if (holder === 'unknown') continue;
            if (holder.epoch > epoch || (holder.epoch === epoch && holder.owner !== owner)) lost.add(id);
          }
        }
        return lost;
      }),

    async tags() {
      const since = connection.serverTime - idleTimeout;
      const tags = await ask(() => redis.zrange(tagsKey, since, '+inf', 'BYSCORE'));
      return tags === 'away' ? [] : tags;
    },

    publish(change) {
      void ask(() => redis.publish(channel, `${owner}\n${change}`));
    },
    onChange: (callback) => void listeners.push(callback),

    get available() {
      return connection.available;
    },
    get notStored() {
      return writer.waiting;
    },

    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SILENCE_MS);
      await Promise.race([writer.drained(), late]);
      clearTimeout(timer);
      writer.pause();
      connection.close();
    },
  };
  options.signal?.addEventListener('abort', () => void store.close(), { once: true });
  await connection.settled;
  return store;
}

function readSnapshot([epoch, record, head, events]: [number, string, string, string[]]) {
  return {
    record: { ...(JSON.parse(record) as SessionRecord), epoch },
    log: {
      ...(JSON.parse(head) as Omit<LogSnapshot, 'events'>),
      events: events.map((event) => JSON.parse(event) as LoggedEvent),
    },
  };
}
