import { createMcpHandler } from '@modelcontextprotocol/server';
import type { Logger } from 'pino';
import { z } from 'zod';
import berth from '../../../package.json' with { type: 'json' };
import { UsageError } from '../../config/problems.ts';
import type { AskedConfig } from '../../config/serve-config.ts';
import { serversOfAnyEra } from '../bridge/any-era.ts';
import { followChanges } from '../bridge/follow-changes.ts';
import { modernServer } from '../bridge/modern-server.ts';
import { type Introduction, RawSession, type RawSessionOptions } from '../bridge/raw-session.ts';
import type { RawServer } from '../raw-server.ts';
import type { Source } from '../source.ts';
import { ChildServer } from './child-server.ts';
import { Children } from './children.ts';
import type { ConversationOptions } from './conversation.ts';
import { childEnvironment } from './environment.ts';
import { ModernChildServer } from './modern-child-server.ts';
import { SharedChild } from './shared-child.ts';
import { WarmPool } from './warm-pool.ts';

export interface LoadCommandOptions {
  readonly config: AskedConfig;
  readonly log: Logger;
  /** What the command's environment is chosen from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What no client can do without (MCP 2025-11-25, lifecycle). */
const introductionSchema = z.looseObject({
  protocolVersion: z.string(),
  capabilities: z.looseObject({}),
  serverInfo: z.looseObject({ name: z.string(), version: z.string() }),
});
/** Characters of an answer that are shown. */
const SHOWN = 200;

/** A program that speaks MCP over stdio: each session has a process of its own, unless it is shared. */
export async function loadCommand(command: readonly string[], options: LoadCommandOptions): Promise<Source> {
  const { config, log } = options;
  const clock = () => performance.now();
  const environment = childEnvironment(options.environment, config.passEnvironment);
  const { maxMessage, childMemory, childProcesses, startTimeout, silenceTimeout } = config;
  const children = new Children({ command, environment, maxMessage, childMemory, childProcesses, log, clock });
  // One client needs one child, and another one while that is ending.
  const single = config.share || config.transport === 'stdio';
  // Until it is known how many there may be, nobody opens any but those who find out.
  let connections = config.maxConnections === 'auto' ? Number.POSITIVE_INFINITY : config.maxConnections;
  const pool = new WarmPool({
    spawn: () => children.spawn(),
    warm: single ? 0 : config.warmChildren,
    get limit() {
      return single ? Math.max(2, connections) : connections;
    },
    log,
    clock,
  });
  const optionsFor = (session?: string): ConversationOptions => ({
    take: (signal) => pool.take(signal),
    session,
    startTimeout,
    silenceTimeout,
    clock,
  });
  const childFor = serversOfAnyEra({
    legacy: (session) => new ChildServer(optionsFor(session)),
    modern: (session) => new ModernChildServer(optionsFor(session)),
  });
  let introduction: Introduction;
  try {
    introduction = await introduce(childFor());
  } catch (error) {
    await children.close();
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError([`The command ${command.join(' ')} could not be served: ${message}`]);
  }
  const shared = config.share ? new SharedChild(introduction, childFor) : undefined;
  const serverFor = (session?: string): RawServer => shared?.server() ?? childFor(session);
  const open = (how: RawSessionOptions) => RawSession.open(serverFor(), how);
  const { name, version } = introduction.serverInfo;
  return {
    definition: {
      name,
      version,
      sessions: config.sessions,
      speaksUnasked: true,
      start: ({ signal }) => pool.keepWarm(signal),
      create: ({ era, id }) => (era === 'modern' ? modernServer({ introduction, open }) : serverFor(id)),
    },
    libraryVersion: berth.dependencies['@modelcontextprotocol/server'],
    createModernHandler: createMcpHandler,
    follow: (filter, notify, context, gone) =>
      followChanges(filter, { notify, gone, open: (how) => open({ ...how, context }) }),
    childrenMemory: () => children.memory(),
    limitTo(maxConnections) {
      connections = maxConnections;
    },
    async close() {
      await Promise.all([shared?.close(), pool.close()]);
      await children.close();
    },
  };
}

/** Asks a first process who it is, so that one that can not serve is found before its first client. */
async function introduce(server: RawServer): Promise<Introduction> {
  const session = await RawSession.open(server);
  const introduction = await session.introduction;
  await session.close();
  const { error } = introductionSchema.safeParse(introduction);
  if (error === undefined) return introduction;
  const wrong = [...new Set(error.issues.map(({ path }) => path.join('.')))].join(', ');
  const answer = JSON.stringify(introduction).slice(0, SHOWN);
  throw new Error(
    `it answered initialize with ${answer}, where these are missing or wrong: ${wrong}. Name a program that is an MCP server over stdio.`,
  );
}
