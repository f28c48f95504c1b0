import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { defineServer } from '../src/sources/define-server.ts';

/** Five trivial tools, as the benchmarks call them; parkable. */
export default defineServer({
  name: 'five-tools',
  version: '1.0.0',
  sessions: 'parkable',
  create() {
    const server = new McpServer({ name: 'five-tools', version: '1.0.0' });
    for (const name of ['echo', 'reverse', 'length', 'upper', 'lower']) {
      server.registerTool(name, { inputSchema: z.object({ value: z.string() }) }, ({ value }) => ({
        content: [{ type: 'text', text: value }],
      }));
    }
    return server;
  },
});
