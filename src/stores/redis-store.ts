import { TAGS_TOLD_EVERY, tagsOf } from '../fleet/seen-tags.ts';
import { readSnapshot, type SessionSnapshot } from '../fleet/session-snapshot.ts';
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
/** In one command. */
const MOST_TAGS = 2_000;

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
  /**
   * Tags that sessions carry, by the time they were last told. Not among the pods' own: there a pod looks for its tag to
   * find out whether the store was emptied.
   */
  const carriedKey = `${prefix}:carried`;
  const channel = `${prefix}:changes`;
  /** Messages are the publisher's owner tag, a line feed, and the change. */
  const listeners: ((change: string) => void)[] = [];
  let refusing = false;
  let tagsToldAt = Number.NEGATIVE_INFINITY;

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
      tellTags();
    },
    beat() {
      if (performance.now() - tagsToldAt >= idleTimeout * TAGS_TOLD_EVERY) tellTags();
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

  /** Keeps the tags of the sessions here: who made one may be gone for longer than it may be idle. */
  function tellTags(): void {
    tagsToldAt = performance.now();
    const tags = [...tagsOf(options.held())].slice(0, MOST_TAGS);
    const now = connection.serverTime;
    if (tags.length === 0) return;
    void ask(() =>
      redis
        .pipeline()
        .zadd(carriedKey, ...tags.flatMap((tag) => [now, tag]))
        .zremrangebyscore(carriedKey, '-inf', now - idleTimeout)
        .pexpire(carriedKey, idleTimeout)
        .exec(),
    );
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
        const taken = readTaken(id, found as unknown as Taken);
        // An older copy of ours would be superseded by ourselves.
        writer.forget(id);
        return { taken };
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
      const read = (key: string) => redis.zrange(key, since, '+inf', 'BYSCORE');
      const tags = await ask(() => Promise.all([read(tagsKey), read(carriedKey)]));
      return tags === 'away' ? [] : [...new Set(tags.flat())];
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

/** Epoch, record, head of the log, its events; what others wrote may lack some. */
type Taken = readonly [number, string | null, string | null, readonly string[]];

/** Throws for a record that is not whole, or another session's. */
function readTaken(id: string, [epoch, record, head, events]: Taken): SessionSnapshot {
  const snapshot = readSnapshot({
    record: { ...parseFields(record), epoch },
    log: { ...parseFields(head), events: events.map((event) => JSON.parse(event) as unknown) },
  });
  if (snapshot === undefined) throw new Error('What the store has of the session is not whole');
  const found = snapshot.record.id;
  if (found !== id) throw new Error(`The store has the record of another session under its id: ${found}`);
  return snapshot;
}

const parseFields = (json: string | null) => JSON.parse(json ?? 'null') as object | null;
