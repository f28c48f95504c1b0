import { onTestFinished, vi } from 'vitest';
import { newSessionId } from '../../src/fleet/session-id.ts';
import type { LoggedEvent, SessionRecord, SessionSnapshot } from '../../src/fleet/session-snapshot.ts';
import { createRedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.ts';
import type { SessionStore, Storable } from '../../src/stores/session-store.ts';
import { type RedisServer, startRedis } from '../fixtures/redis.ts';

/** A session as a pod would hold it. */
export class HeldSession implements Storable {
  readonly record: SessionRecord;
  #events: LoggedEvent[];
  #sequence: number;
  #trimmedTo: number;

  constructor({ record, log }: SessionSnapshot) {
    this.record = structuredClone(record);
    this.#events = [...log.events];
    this.#sequence = log.sequence;
    this.#trimmedTo = log.trimmedTo;
  }

  append(data: string): void {
    this.#events.push({ sequence: ++this.#sequence, stream: 1, data });
  }

  trim(count: number): void {
    for (const { sequence } of this.#events.splice(0, count)) this.#trimmedTo = sequence;
  }

  snapshot(): SessionSnapshot {
    return {
      record: structuredClone(this.record),
      log: {
        sequence: this.#sequence,
        trimmedTo: this.#trimmedTo,
        lastStream: 1,
        listened: true,
        events: [...this.#events],
      },
    };
  }
}

/** A session just opened, with one event. */
export function newSession(owner: string): HeldSession {
  const session = new HeldSession({
    record: {
      id: newSessionId(owner),
      epoch: 1,
      protocolVersion: '2025-11-25',
      announces: ['tools'],
      initialize: { clientInfo: { name: 'tést', version: '1' } },
      subject: undefined,
      logLevel: 'info',
      subscriptions: ['file:///a'],
      state: { seen: [1, '\n', null] },
      openedAt: Date.now(),
    },
    log: { sequence: 0, trimmedTo: 0, lastStream: 1, listened: true, events: [] },
  });
  session.append('{"first":"é\\u0000"}');
  return session;
}

/** A store and the sessions that its pod holds. */
export interface Pod {
  readonly owner: string;
  readonly store: SessionStore;
  readonly sessions: Map<string, HeldSession>;
  readonly superseded: string[];
  /** What it logged, one JSON per line. */
  readonly logged: string[];
  /** Opens a session and tells the store. */
  open(): HeldSession;
  /** Fulfilled when everything is stored. */
  stored(): Promise<void>;
}

/** Starts a server that ends with the test. */
export async function redisForTest(...settings: string[]): Promise<RedisServer> {
  const redis = await startRedis(...settings);
  onTestFinished(() => redis.close());
  return redis;
}

/** Starts a pod's store that closes with the test. */
export async function startPod(url: string, owner: string, options: Partial<RedisStoreOptions> = {}): Promise<Pod> {
  const sessions = new Map<string, HeldSession>();
  const superseded: string[] = [];
  const logged: string[] = [];
  const note = (level: string) => (details: object, message: string) =>
    void logged.push(JSON.stringify({ level, message, ...details }));
  const store = await createRedisStore({
    url,
    fleet: 'test',
    owner,
    idleTimeout: 60_000,
    log: { info: note('info'), warn: note('warn') },
    held: () => sessions.values(),
    superseded: (id) => void superseded.push(id),
    ...options,
  });
  onTestFinished(() => store.close());
  return {
    owner,
    store,
    sessions,
    superseded,
    logged,
    open() {
      const session = newSession(owner);
      sessions.set(session.record.id, session);
      store.changed(session);
      return session;
    },
    stored: () => vi.waitUntil(() => store.notStored === 0, { timeout: 10_000, interval: 5 }).then(() => undefined),
  };
}

/** Every session that is in the server, whole, by its id. */
export async function contents({ client }: RedisServer): Promise<Map<string, { epoch: number; events: number }>> {
  const found = new Map<string, { epoch: number; events: number }>();
  for (const key of await client.keys('berth:test:{*}:record')) {
    const id = key.slice('berth:test:{'.length, -'}:record'.length);
    const [epoch, events] = await Promise.all([client.hget(key, 'epoch'), client.llen(`berth:test:{${id}}:log`)]);
    found.set(id, { epoch: Number(epoch), events });
  }
  return found;
}
