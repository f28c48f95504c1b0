import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { defineServer } from '../../src/sources/define-server.ts';

const name = 'hello';
const version = '1.0.0';

/** The example that `berth serve` runs when it is given no server: a few tools, a resource and a prompt. */
export default defineServer({
  name,
  version,
  // Everything a session must remember is in `session.state`, so its server object can be built again at any time.
  sessions: 'parkable',
  create(session) {
    const server = new McpServer({ name, version }, { instructions: 'A small server to try things out with.' });

    server.registerTool(
      'greet',
      { description: 'Greets somebody by name', inputSchema: z.object({ name: z.string().min(1) }) },
      ({ name }) => {
        const greeted = Number(session.state['greeted'] ?? 0) + 1;
        session.state['greeted'] = greeted;
        const text = greeted === 1 ? `Hello, ${name}!` : `Hello, ${name}! That makes ${greeted} in this session.`;
        return { content: [{ type: 'text', text }] };
      },
    );

    server.registerTool(
      'add',
      {
        description: 'Adds two numbers',
        inputSchema: z.object({ a: z.number(), b: z.number() }),
        outputSchema: z.object({ sum: z.number() }),
        annotations: { readOnlyHint: true },
      },
      ({ a, b }) => ({ content: [{ type: 'text', text: String(a + b) }], structuredContent: { sum: a + b } }),
    );

    server.registerTool(
      'clock',
      { description: 'Tells the time of the pod that answers', annotations: { readOnlyHint: true } },
      () => ({ content: [{ type: 'text', text: new Date().toISOString() }] }),
    );

    server.registerTool(
      'wait',
      {
        description: 'Waits, and says so every second; stops when it is cancelled',
        inputSchema: z.object({ seconds: z.int().min(1).max(600) }),
      },
      async ({ seconds }, ctx) => {
        const { _meta, notify, signal } = ctx.mcpReq;
        for (let passed = 1; passed <= seconds; passed += 1) {
          await sleep(1000, undefined, { signal });
          if (_meta?.progressToken === undefined) continue;
          const params = { progressToken: _meta.progressToken, progress: passed, total: seconds };
          await notify({ method: 'notifications/progress', params });
        }
        return { content: [{ type: 'text', text: `Waited ${seconds} s.` }] };
      },
    );

    server.registerResource(
      'about',
      'hello://about',
      { description: 'What this server is', mimeType: 'text/plain' },
      (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: `${name} ${version}, served by berth` }] }),
    );

    server.registerPrompt(
      'introduce',
      { description: 'Introduces somebody', argsSchema: z.object({ name: z.string() }) },
      ({ name }) => {
        const text = `Introduce ${name} to the team in two friendly sentences.`;
        return { messages: [{ role: 'user', content: { type: 'text', text } }] };
      },
    );

    return server;
  },
});
