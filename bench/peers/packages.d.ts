// What the peers use of packages that are installed here on demand: the types are checked whether they are or not.

declare module '@modelcontextprotocol/node' {
  import type { IncomingMessage, ServerResponse } from 'node:http';
  import type {
    createMcpHandler,
    Transport,
    WebStandardStreamableHTTPServerTransportOptions,
  } from '@modelcontextprotocol/server';

  export interface NodeStreamableHTTPServerTransport extends Transport {}
  export class NodeStreamableHTTPServerTransport {
    constructor(options?: WebStandardStreamableHTTPServerTransportOptions);
    handleRequest(req: IncomingMessage, res: ServerResponse, parsedBody?: unknown): Promise<void>;
  }

  export function toNodeHandler(
    handler: Pick<ReturnType<typeof createMcpHandler>, 'fetch'>,
  ): (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

declare module 'fastmcp' {
  import type { ZodType } from 'zod';

  export class FastMCP {
    constructor(options: { name: string; version: `${number}.${number}.${number}` });
    addTool<Input>(tool: {
      name: string;
      parameters: ZodType<Input>;
      execute: (args: Input) => Promise<{ content: { type: 'text'; text: string }[] }>;
    }): void;
    start(options: { transportType: 'httpStream'; httpStream: { host: string; port: number } }): Promise<void>;
  }
}
