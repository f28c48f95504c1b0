import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

// What is behind the proxies of stdio. Plain JavaScript, with nothing of ours imported: to strip types takes Node 17 MB,
// which a process for each session would pay again and again.
const NAMES = ['echo', 'reverse', 'length', 'upper', 'lower'];

const server = new McpServer({ name: 'peer', version: '1.0.0' });
for (let i = 0; i < Number(process.env.TOOLS ?? 5); i++) {
  server.registerTool(NAMES[i] ?? `tool-${i + 1}`, { inputSchema: { value: z.string() } }, ({ value }) => ({
    content: [{ type: 'text', text: value }],
  }));
}
await server.connect(new StdioServerTransport());
