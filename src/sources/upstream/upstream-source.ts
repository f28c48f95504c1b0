import { createMcpHandler } from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import berth from '../../../package.json' with { type: 'json' };
import type { ServeConfig } from '../../config/serve-config.ts';
import { followChanges } from '../bridge/follow-changes.ts';
import { modernServer } from '../bridge/modern-server.ts';
import { RawServerError, RawSession, type RawSessionOptions } from '../bridge/raw-session.ts';
import type { ClientContext } from '../raw-server.ts';
import type { Source, SourceDefinition } from '../source.ts';
import { EraWatch } from './era-watch.ts';
import { probeAddress, UpstreamHealth } from './health.ts';
import { Introductions } from './introductions.ts';
import { ModernUpstream } from './modern-upstream.ts';
import { pause } from './pause.ts';
import { UpstreamDoor } from './upstream-door.ts';
import { UpstreamSession } from './upstream-session.ts';
import { createWellKnown } from './well-known.ts';

export interface UpstreamOptions {
  readonly config: Pick<ServeConfig, 'sessions' | 'maxMessage'>;
  readonly log: Logger;
}

/** Clients wait for 60 s; an upstream that never says who it is must not cost a connection for longer. */
const INTRODUCTION_LIMIT_MS = 30_000;
const NO_CONTEXT: ClientContext = { headers: {} };

/** The source that serves a server which listens elsewhere; it may come up later than berth. */
export function loadUpstream(address: string, { config, log }: UpstreamOptions): Source {
  const url = new URL(address);
  /** Until the upstream has said who it is, its address has to do. */
  let serverInfo = { name: url.host, version: '0.0.0' };
  const lifetime = new AbortController();
  const health: UpstreamHealth = new UpstreamHealth({
    url: url.href,
    log,
    clock: () => performance.now(),
    probe: async (signal) => {
      await probeAddress(url, signal).catch((error) => {
        doubt();
        throw error;
      });
      era.reached();
    },
    pause,
    onReachable: () => era.reached(),
  });
  const door = new UpstreamDoor({
    url,
    reached: () => {
      health.reached();
      era.reached();
    },
    unreachable: (error) => {
      doubt();
      health.unreachable(error);
    },
  });
  const modernProxy = new ModernUpstream({
    door,
    introduced: (info) => {
      serverInfo = info;
    },
    doubted: () => era.doubt(),
    introduce: (client, gone) => introductions.of(client, gone),
  });
  const era = new EraWatch({
    learn: () => modernProxy.learn(),
    reachable: () => health.reachable,
    learned: (verdict) => log.debug({ upstream: url.href, era: verdict }, 'Learned era of upstream'),
    signal: lifetime.signal,
  });
  /** Another server may come up at this address. */
  const doubt = () => {
    introductions.clear();
    era.doubt();
  };
  const openRaw = () =>
    new UpstreamSession({
      door,
      log,
      maxMessage: config.maxMessage,
      introduced: (info) => {
        serverInfo = info;
      },
    });
  async function open(options: RawSessionOptions): Promise<RawSession> {
    try {
      return await RawSession.open(openRaw(), { startLimit: INTRODUCTION_LIMIT_MS, ...options });
    } catch (error) {
      // Such as 401, which its client gets as such if it comes again.
      const refused = error instanceof RawServerError && error.answer !== undefined;
      if (refused && options.context !== undefined) introductions.forget(options.context);
      throw error;
    }
  }
  const introductions = new Introductions({
    clock: () => performance.now(),
    ask: async (context, signal) => {
      const session = await open({ context, signal });
      void session.close();
      return await session.introduction;
    },
  });

  const definition: SourceDefinition = {
    get name() {
      return serverInfo.name;
    },
    get version() {
      return serverInfo.version;
    },
    sessions: config.sessions,
    speaksUnasked: true,
    start: ({ signal }) => {
      signal.addEventListener('abort', () => lifetime.abort(), { once: true });
      void health.run(lifetime.signal);
    },
    create: async ({ era }, context) => {
      if (era === 'legacy') return openRaw();
      return modernServer({ introduction: await introductions.of(context ?? NO_CONTEXT), open });
    },
  };
  return {
    definition,
    libraryVersion: berth.dependencies['@modelcontextprotocol/server'],
    createModernHandler: createMcpHandler,
    follow: (filter, notify, context, gone) =>
      followChanges(filter, { notify, gone, open: (options) => open({ context, ...options }) }),
    modernProxy,
    wellKnown: createWellKnown(door),
    get reachable() {
      return health.reachable;
    },
    async close() {
      lifetime.abort();
      await door.close();
    },
  };
}
