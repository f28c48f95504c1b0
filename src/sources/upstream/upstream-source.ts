import { createMcpHandler } from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import berth from '../../../package.json' with { type: 'json' };
import type { ServeConfig } from '../../config/serve-config.ts';
import { followChanges } from '../bridge/follow-changes.ts';
import { modernServer } from '../bridge/modern-server.ts';
import { type Introduction, RawSession, type RawSessionOptions } from '../bridge/raw-session.ts';
import type { ClientContext } from '../raw-server.ts';
import type { Source, SourceDefinition } from '../source.ts';
import { probeAddress, UpstreamHealth } from './health.ts';
import { ModernUpstream } from './modern-upstream.ts';
import { pause } from './pause.ts';
import { UpstreamDoor } from './upstream-door.ts';
import { UpstreamSession } from './upstream-session.ts';
import { createWellKnown } from './well-known.ts';

export interface UpstreamOptions {
  readonly config: Pick<ServeConfig, 'sessions' | 'maxMessage'>;
  readonly log: Logger;
}

/** A discovery that came to nothing is repeated: an upstream may listen before it serves. */
const LEARN_AGAIN_MS = 1_000;
const LONGEST_LEARN_AGAIN_MS = 60_000;

/** The source that serves a server which listens elsewhere; it may come up later than berth. */
export function loadUpstream(address: string, { config, log }: UpstreamOptions): Source {
  const url = new URL(address);
  /** Until the upstream has said who it is, its address has to do. */
  let serverInfo = { name: url.host, version: '0.0.0' };
  let introduction: Introduction | undefined;
  const lifetime = new AbortController();
  const health: UpstreamHealth = new UpstreamHealth({
    url: url.href,
    log,
    clock: () => performance.now(),
    probe: (signal) => probeAddress(url, signal),
    pause,
    onReachable: () => void learn(),
  });
  const door = new UpstreamDoor({
    url,
    reached: () => health.reached(),
    unreachable: (error) => health.unreachable(error),
  });
  const modernProxy = new ModernUpstream({
    door,
    introduced: (info) => {
      serverInfo = info;
    },
  });
  async function learn(): Promise<void> {
    for (let wait = LEARN_AGAIN_MS; health.reachable && !lifetime.signal.aborted; wait *= 2) {
      const verdict = await modernProxy.learn();
      if (verdict !== 'unknown') return log.debug({ upstream: url.href, era: verdict }, 'Learned era of upstream');
      await pause(Math.min(wait, LONGEST_LEARN_AGAIN_MS), lifetime.signal);
    }
  }
  const openRaw = () =>
    new UpstreamSession({
      door,
      log,
      maxMessage: config.maxMessage,
      introduced: (result) => {
        introduction = result as unknown as Introduction;
        serverInfo = introduction.serverInfo ?? serverInfo;
      },
    });
  const open = (options: RawSessionOptions) => RawSession.open(openRaw(), options);

  /** What the upstream says of itself, asked for once unless some client has asked before. */
  async function introduce(context: ClientContext | undefined): Promise<Introduction> {
    if (introduction !== undefined) return introduction;
    const session = await open(context === undefined ? {} : { context });
    void session.close();
    return await session.introduction;
  }

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
      return modernServer({ introduction: await introduce(context), open });
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
      door.close();
    },
  };
}
