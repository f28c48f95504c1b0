import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { answer, PORT, SERVER_INFO, TOOLS } from './tools.ts';

const server = new FastMCP({ name: SERVER_INFO.name, version: '1.0.0' });
for (const name of TOOLS) {
  server.addTool({ name, parameters: z.object({ value: z.string() }), execute: async (args) => answer(args) });
}
await server.start({ transportType: 'httpStream', httpStream: { host: '127.0.0.1', port: PORT } });
