import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';

/**
 * A server on `@modelcontextprotocol/sdk`, as most are today: a plain function that makes one. It speaks the legacy era
 * (2024-11-05 to 2025-11-25), and its sessions stay in the pod that opened them, with whatever they hold in memory.
 */
export default function createServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  const notes: string[] = [];

  server.registerTool(
    'take_note',
    { description: 'Keeps a line of text for this session', inputSchema: { text: z.string().min(1) } },
    ({ text }) => {
      notes.push(text);
      return { content: [{ type: 'text', text: `Note ${notes.length} taken.` }] };
    },
  );

  server.registerTool('read_notes', { description: 'Reads the notes of this session' }, () => ({
    content: [{ type: 'text', text: notes.join('\n') || 'No notes yet.' }],
  }));

  return server;
}
