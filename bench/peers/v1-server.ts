import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import { answer, SERVER_INFO, TOOLS } from './tools.ts';

/** The tools on version 1 of the SDK. */
export function createV1Server(): McpServer {
  const server = new McpServer(SERVER_INFO);
  for (const name of TOOLS) server.registerTool(name, { inputSchema: { value: z.string() } }, answer);
  return server;
}
