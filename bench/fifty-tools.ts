import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { defineServer } from '../src/sources/define-server.ts';
import { toolNames } from './peers/tools.ts';

const NAMES = toolNames(50);

/** Fifty trivial tools, the first five of them those of `five-tools.ts`; parkable. */
export default defineServer({
  name: 'fifty-tools',
  version: '1.0.0',
  sessions: 'parkable',
  create() {
    const server = new McpServer({ name: 'fifty-tools', version: '1.0.0' });
    for (const name of NAMES) {
      server.registerTool(name, { inputSchema: z.object({ value: z.string() }) }, ({ value }) => ({
        content: [{ type: 'text', text: value }],
      }));
    }
    return server;
  },
});
