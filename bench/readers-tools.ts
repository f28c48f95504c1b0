import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { defineServer } from '../src/sources/define-server.ts';

/** An answer of so many KiB of text. */
export const textOf = (kib: number) => ({ content: [{ type: 'text' as const, text: 'x'.repeat(kib * 1_024) }] });

interface Progress {
  readonly method: 'notifications/progress';
  readonly params: { readonly progressToken: number; readonly progress: number; readonly message: string };
}

/** Sends so many notifications before it answers: when its reader has taken what went before, or without waiting. */
export async function flood(
  { count, kib, wait }: { readonly count: number; readonly kib: number; readonly wait: boolean },
  notify: (notification: Progress) => Promise<void>,
) {
  const message = 'x'.repeat(kib * 1_024);
  for (let progress = 1; progress <= count; progress++) {
    const sent = notify({ method: 'notifications/progress', params: { progressToken: 1, progress, message } });
    // Who was cut is gone, and this one with it.
    if (wait) await sent;
    else sent.catch(() => {});
  }
  return textOf(0);
}

export const ECHO = { value: z.string() };
export const LARGE = { kib: z.int() };
export const FLOOD = { count: z.int(), kib: z.int(), wait: z.boolean() };

/** A tool for everyone else, and two for slow readers; parkable. */
export default defineServer({
  name: 'readers-tools',
  version: '1.0.0',
  sessions: 'parkable',
  create() {
    const server = new McpServer({ name: 'readers-tools', version: '1.0.0' });
    server.registerTool('echo', { inputSchema: z.object(ECHO) }, ({ value }) => ({
      content: [{ type: 'text', text: value }],
    }));
    server.registerTool('large', { inputSchema: z.object(LARGE) }, ({ kib }) => textOf(kib));
    server.registerTool('flood', { inputSchema: z.object(FLOOD) }, (args, { mcpReq }) => flood(args, mcpReq.notify));
    return server;
  },
});
