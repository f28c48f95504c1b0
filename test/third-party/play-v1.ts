import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Ear } from './ear.ts';
import { functionsOf } from './functions.ts';
import { playSteps } from './play-steps.ts';
import { ANSWERS, ASKABLE, rootsAt, type Script, type Target, type Transcript } from './script.ts';

/** Plays a script with the client of the TypeScript SDK, version 1. */
export async function playV1(target: Target, { steps, roots }: Script): Promise<Transcript> {
  const client = new Client({ name: 'v1', version: '1' }, { capabilities: roots === undefined ? {} : ASKABLE });
  const ear = new Ear();
  const asked: unknown[] = [];
  for (const schema of [LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema] as const) {
    client.setNotificationHandler(schema, ({ method, params }) => ear.hear(method, params));
  }
  if (roots !== undefined) {
    client.setRequestHandler(CreateMessageRequestSchema, ({ method, params }) => {
      asked.push({ method, params });
      return ANSWERS.sampling;
    });
    client.setRequestHandler(ElicitRequestSchema, ({ method, params }) => {
      asked.push({ method, params });
      return ANSWERS.elicitation;
    });
    client.setRequestHandler(ListRootsRequestSchema, () => rootsAt(roots));
  }
  const transport = transportTo(target);
  // The SDK's classes do not satisfy their own interface under exactOptionalPropertyTypes.
  await client.connect(transport as Transport);
  try {
    const answers = await playSteps(
      steps,
      ear,
      functionsOf(client, (params, options) => client.callTool(params as never, undefined, options as never)),
    );
    return {
      serverInfo: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
      answers,
      heard: ear.all,
      asked,
    };
  } finally {
    if (transport instanceof StreamableHTTPClientTransport) await transport.terminateSession();
    await client.close();
  }
}

function transportTo(target: Target) {
  if ('url' in target) return new StreamableHTTPClientTransport(new URL(target.url));
  const [command = '', ...args] = target.command;
  return new StdioClientTransport({ command, args, env: { ...target.environment }, stderr: 'ignore' });
}
