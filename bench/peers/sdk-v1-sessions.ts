import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SessionMap } from './session-map.ts';
import { createV1Server } from './v1-server.ts';

/** Sessions on the transport of version 1 of the SDK. */
export const createV1Sessions = () =>
  new SessionMap(async (options) => {
    const transport = new StreamableHTTPServerTransport(options);
    await createV1Server().connect(transport);
    return transport;
  });
