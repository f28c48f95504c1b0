import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  ListRootsResultSchema,
  McpError,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

/** What the handlers are doing. */
export interface LegacyNotes {
  /** Server objects that were made. */
  created: number;
  /** Calls of `hold` that run. */
  holding: number;
}

/** The handlers of one session that wait to be let go. */
type Held = Map<string, () => void>;

const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) ?? 'undefined' }] });

/** Makes servers of the legacy SDK with something of everything that a session can meet. */
export function legacyModule() {
  const notes: LegacyNotes = { created: 0, holding: 0 };
  const create = () => {
    notes.created++;
    const server = new McpServer(
      { name: 'legacy', version: '1.0.0' },
      {
        capabilities: { logging: {}, completions: {}, resources: { subscribe: true, listChanged: true } },
        instructions: 'Ask for anything.',
      },
    );
    registerAnswers(server);
    registerNews(server);
    registerQuestions(server);
    registerHolding(server, notes);
    registerOthers(server);
    return server;
  };
  return { create, notes };
}

function registerAnswers(server: McpServer): void {
  const value = { value: z.string() };
  server.registerTool('echo', { inputSchema: value }, ({ value }) => text(value));
  server.registerTool('bare', {}, () => text('bare'));
  server.registerTool(
    'structured',
    { inputSchema: { n: z.number().default(1) }, outputSchema: { n: z.number().max(9) } },
    ({ n }) => ({ content: [], structuredContent: { n } }),
  );
  server.registerTool('empty', {}, () => ({}) as never);
  server.registerTool('large', { inputSchema: { size: z.number() } }, ({ size }) => text('ü'.repeat(size)));
  server.registerTool('refuse', {}, () => ({ content: [{ type: 'text', text: 'no' }], isError: true }));
  server.registerTool('throw', {}, () => {
    throw new Error('as asked');
  });
  server.registerTool('protest', {}, () => {
    throw new McpError(ErrorCode.InvalidParams, 'as asked', { because: 'asked' });
  });
  server.registerTool('whoami', {}, (extra) =>
    text({
      client: server.server.getClientVersion(),
      capabilities: server.server.getClientCapabilities(),
      session: typeof extra.sessionId,
      id: extra.requestId,
      meta: extra._meta,
      auth: extra.authInfo,
      version: extra.requestInfo?.headers['mcp-protocol-version'],
      path: extra.requestInfo?.url?.pathname,
    }),
  );
  server.registerTool('leave', {}, async () => {
    await server.close();
    return text('never heard');
  });
}

function registerNews(server: McpServer): void {
  server.registerTool('progress', { inputSchema: { count: z.number() } }, async ({ count: total }, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (let progress = 1; progress <= total && progressToken !== undefined; progress++) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress, total, message: `${progress} of ${total}` },
      });
    }
    return text('done');
  });
  server.registerTool('talk', { inputSchema: { data: z.string() } }, async ({ data }, extra) => {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'warning', data } });
    return text('talked');
  });
  // Belongs to no call, so that it goes to the standalone stream; below the level that a client asked for, nowhere.
  server.registerTool('tell', { inputSchema: { data: z.string() } }, async ({ data }, { sessionId }) => {
    await server.sendLoggingMessage({ level: 'info', data }, sessionId);
    return text('told');
  });
  server.registerTool('change', {}, async () => {
    await server.server.sendToolListChanged();
    await server.server.sendPromptListChanged();
    return text('changed');
  });
  const subscribed = new Set<string>();
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });
  server.registerTool('touch', { inputSchema: { uri: z.string() } }, async ({ uri }) => {
    if (subscribed.has(uri)) await server.server.sendResourceUpdated({ uri });
    return text('touched');
  });
}

const QUESTIONS: Readonly<Record<'sampling' | 'elicitation' | 'roots', ServerRequest>> = {
  sampling: {
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text: 'Well?' } }], maxTokens: 10 },
  },
  elicitation: {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    },
  },
  roots: { method: 'roots/list' },
};

const RESULTS = { sampling: CreateMessageResultSchema, elicitation: ElicitResultSchema, roots: ListRootsResultSchema };

function registerQuestions(server: McpServer): void {
  const what = z.enum(['sampling', 'elicitation', 'roots']);
  server.registerTool('ask', { inputSchema: { what } }, async ({ what }, extra) =>
    text(await extra.sendRequest(QUESTIONS[what], RESULTS[what])),
  );
  // On the standalone stream.
  server.registerTool('ask-apart', { inputSchema: { what } }, async ({ what }) =>
    text(await server.server.request(QUESTIONS[what], RESULTS[what])),
  );
}

function registerHolding(server: McpServer, notes: LegacyNotes): void {
  const held: Held = new Map();
  const inputSchema = { key: z.string(), say: z.boolean().default(false), part: z.boolean().default(false) };
  server.registerTool('hold', { inputSchema }, async ({ key, say, part }, extra) => {
    const { signal } = extra;
    if (say) await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: key } });
    const progressToken = extra._meta?.progressToken;
    if (progressToken !== undefined) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress: 1, total: 9 },
      });
    }
    // Lets go of the reader, who comes back for the rest.
    if (part) extra.closeSSEStream?.();
    notes.holding++;
    try {
      await new Promise<void>((resolve) => {
        held.set(key, resolve);
        signal.addEventListener('abort', () => resolve());
      });
      return text(signal.aborted ? 'aborted' : `held ${key}`);
    } finally {
      notes.holding--;
    }
  });
  server.registerTool('release', { inputSchema: { key: z.string() } }, ({ key }) => {
    held.get(key)?.();
    return text(held.delete(key));
  });
}

function registerOthers(server: McpServer): void {
  server.registerPrompt(
    'greet',
    { argsSchema: { name: completable(z.string(), (value) => ['Ada', 'Bob'].filter((n) => n.startsWith(value))) } },
    ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }] }),
  );
  server.registerResource('note', 'note://one', {}, ({ href }) => ({ contents: [{ uri: href, text: 'one' }] }));
  const template = new ResourceTemplate('item://{id}', {
    list: () => ({ resources: [{ uri: 'item://1', name: 'first' }] }),
    complete: { id: () => ['1', '2'] },
  });
  server.registerResource('item', template, {}, ({ href }, { id }) => ({
    contents: [{ uri: href, blob: Buffer.from(String(id)).toString('base64') }],
  }));
  const own = z.object({ method: z.literal('x/own'), params: z.object({ n: z.number() }) });
  server.server.setRequestHandler(own, ({ params: { n } }) => ({ double: 2 * n }));
}
