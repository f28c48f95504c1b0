import { setTimeout as sleep } from 'node:timers/promises';
import { completable, inputRequired, McpServer, ProtocolError, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';

/** What the handlers were seen to do. */
export interface ModernNotes {
  created: number;
  /** Why signals were aborted while their handlers ran. */
  readonly aborted: string[];
}

const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) ?? 'undefined' }] });

/** Makes servers with something of everything that a modern request can meet. */
export function modernModule() {
  const notes: ModernNotes = { created: 0, aborted: [] };
  const create = () => {
    notes.created++;
    const server = new McpServer(
      { name: 'modern', version: '1.0.0' },
      {
        capabilities: { logging: {}, completions: {} },
        requestState: {
          verify: (state) => {
            if (!state.startsWith('round ')) throw new Error('not one of ours');
            return { round: Number(state.slice('round '.length)) };
          },
        },
      },
    );
    registerAnswers(server);
    registerFailures(server);
    registerTalk(server, notes);
    registerChecked(server);
    registerOthers(server);
    return server;
  };
  return { create, notes };
}

function registerAnswers(server: McpServer): void {
  server.registerTool('echo', { inputSchema: z.object({ value: z.string() }) }, ({ value }) => text(value));
  server.registerTool('bare', {}, () => text('bare'));
  server.registerTool(
    'structured',
    { inputSchema: z.object({ n: z.number().default(1) }), outputSchema: z.object({ n: z.number() }) },
    ({ n }) => ({ content: [], structuredContent: { n } }),
  );
  server.registerTool('empty', {}, () => ({}) as never);
  // Everything of the client that a handler can see.
  server.registerTool('whoami', {}, (context) =>
    text({
      version: server.server.getClientVersion(),
      capabilities: server.server.getClientCapabilities(),
      context: Object.keys(context),
      mcpReq: Object.keys(context.mcpReq),
      id: context.mcpReq.id,
      meta: context.mcpReq._meta,
      envelope: context.mcpReq.envelope,
      http: Object.keys(context.http ?? {}),
      isRequest: context.http?.req instanceof Request && new Request(context.http.req).method,
      agent: context.http?.req?.headers.get('user-agent'),
      path: context.http?.req && new URL(context.http.req.url).pathname,
      aborted: [context.mcpReq.signal.aborted, context.http?.req?.signal.aborted],
    }),
  );
}

function registerFailures(server: McpServer): void {
  server.registerTool('throw', {}, () => {
    throw new Error('as asked');
  });
  server.registerTool('refuse', {}, () => ({ content: [{ type: 'text', text: 'no' }], isError: true }));
  server.registerTool('misshapen', {}, () => ({ content: 'none' }) as never);
  server.registerTool('leave', {}, async () => {
    await server.close();
    return text('never heard');
  });
  server.registerTool('talk-and-leave', {}, async ({ mcpReq }) => {
    await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: 'last words' } });
    await server.close();
    return text('never heard');
  });
  server.server.setRequestHandler('x/fails', { params: z.object({ code: z.number() }) }, ({ code }) => {
    throw new ProtocolError(code, 'as asked', { code });
  });
}

function registerTalk(server: McpServer, notes: ModernNotes): void {
  server.registerTool('talk', { inputSchema: z.object({ count: z.number() }) }, async ({ count }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= count; progress++) {
      if (progressToken !== undefined) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: count } });
      }
      await mcpReq.log('debug', `step ${progress}`);
      await mcpReq.log('warning', `careful ${progress}`, 'talk');
    }
    // Belongs to no request, so that it has nowhere to go.
    await server.server.notification({ method: 'notifications/message', params: { level: 'info', data: 'lost' } });
    return text('talked');
  });
  server.registerTool('wait', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }, { mcpReq }) => {
    const { signal } = mcpReq;
    signal.addEventListener('abort', () => notes.aborted.push(String(signal.reason)));
    await sleep(ms, undefined, { signal });
    return text('waited');
  });
  server.registerTool('ask', { inputSchema: z.object({ question: z.string() }) }, ({ question }, { mcpReq }) => {
    const state = mcpReq.requestState<{ round: number }>();
    if (state !== undefined) return text({ state, answers: mcpReq.inputResponses });
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } } as const;
    return inputRequired({
      inputRequests: { name: inputRequired.elicit({ message: question, requestedSchema }) },
      requestState: 'round 1',
    });
  });
}

function registerChecked(server: McpServer): void {
  const inputSchema = z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) });
  server.registerTool('regional', { inputSchema }, ({ region }) => text(region));
  server.registerTool('guarded', { scopeChallenge: () => ({ scopes: ['admin'] }) }, () => text('guarded'));
  server.registerTool('open', { scopeChallenge: async () => undefined }, () => text('open'));
  server.registerTool('badly-guarded', { scopeChallenge: () => ({ scopes: [] as never }) }, () => text('never'));
  const fail = () => {
    throw new Error('no guard today');
  };
  server.registerTool('unguarded', { scopeChallenge: fail }, () => text('never'));
}

function registerOthers(server: McpServer): void {
  server.registerPrompt(
    'greet',
    { argsSchema: z.object({ name: completable(z.string(), () => ['Ada', 'Bob']) }) },
    ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }] }),
  );
  server.registerResource('note', 'note://one', {}, ({ href }) => ({ contents: [{ uri: href, text: 'one' }] }));
  const template = new ResourceTemplate('item://{id}', { list: undefined });
  server.registerResource('item', template, {}, ({ href }, { id }) => ({
    contents: [{ uri: href, text: String(id) }],
  }));
  server.server.setRequestHandler('x/own', { params: z.object({ n: z.number() }) }, ({ n }) => ({ double: 2 * n }));
}
