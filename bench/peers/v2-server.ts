import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { answer, SERVER_INFO, TOOLS } from './tools.ts';

/** The tools on version 2 of the SDK. */
export function createV2Server(): McpServer {
  const server = new McpServer(SERVER_INFO);
  for (const name of TOOLS) server.registerTool(name, { inputSchema: z.object({ value: z.string() }) }, answer);
  return server;
}
