import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { defineServer } from '../src/sources/define-server.ts';

/** Every session that listens is told of a change so often; parked ones keep it in their logs. */
const CHANGE_MS = 500;

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });
const progress = (at: number, message: string) => ({
  method: 'notifications/progress' as const,
  params: { progressToken: 1, progress: at, message },
});

/** Five tools that take time, answer at length, or say much before they answer; parkable. */
export default defineServer({
  name: 'soak-tools',
  version: '1.0.0',
  sessions: 'parkable',
  start({ notify, signal }) {
    const timer = setInterval(() => notify.toolsChanged(), CHANGE_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  },
  create() {
    const server = new McpServer({ name: 'soak-tools', version: '1.0.0' });
    const count = z.int().max(10_000);
    server.registerTool('echo', { inputSchema: z.object({ value: z.string() }) }, ({ value }) => text(value));
    server.registerTool('wait', { inputSchema: z.object({ ms: count }) }, async ({ ms }) => {
      await sleep(ms);
      return text('waited');
    });
    server.registerTool('large', { inputSchema: z.object({ kib: count }) }, ({ kib }) => text('x'.repeat(kib * 1_024)));
    server.registerTool('ticks', { inputSchema: z.object({ count, ms: count }) }, async ({ count, ms }, { mcpReq }) => {
      for (let i = 1; i <= count; i++) {
        await mcpReq.notify(progress(i, 'tick'));
        await sleep(ms);
      }
      return text('ticked');
    });
    // Waits for no reader, so that one who does not read is cut.
    server.registerTool(
      'flood',
      { inputSchema: z.object({ count, kib: count }) },
      async ({ count, kib }, { mcpReq }) => {
        const message = 'x'.repeat(kib * 1_024);
        const told = Array.from({ length: count }, (_, i) => mcpReq.notify(progress(i, message)).catch(() => {}));
        await Promise.all(told);
        return text('flooded');
      },
    );
    return server;
  },
});
