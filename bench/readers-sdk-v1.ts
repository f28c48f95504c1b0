import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SessionMap } from './peers/session-map.ts';
import { ECHO, FLOOD, flood, LARGE, textOf } from './readers-tools.ts';

// The tools of readers-tools.ts on the SDK's own transport; tells its parent at which port.
const sessions = new SessionMap(async (options) => {
  const transport = new StreamableHTTPServerTransport(options);
  const server = new McpServer({ name: 'readers-tools', version: '1.0.0' });
  server.registerTool('echo', { inputSchema: ECHO }, ({ value }) => ({ content: [{ type: 'text', text: value }] }));
  server.registerTool('large', { inputSchema: LARGE }, ({ kib }) => textOf(kib));
  server.registerTool('flood', { inputSchema: FLOOD }, (args, { sendNotification }) => flood(args, sendNotification));
  await server.connect(transport);
  return transport;
});
const listener = createServer(sessions.handle);
listener.listen(0, '127.0.0.1', () => process.send?.((listener.address() as AddressInfo).port));
