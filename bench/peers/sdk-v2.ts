import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { SessionMap } from './session-map.ts';
import { PORT } from './tools.ts';
import { createV2Server } from './v2-server.ts';

const sessions = new SessionMap(async (options) => {
  const transport = new NodeStreamableHTTPServerTransport(options);
  await createV2Server().connect(transport);
  return transport;
});

createServer(sessions.handle).listen(PORT, '127.0.0.1');
