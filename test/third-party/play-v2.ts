import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Ear } from './ear.ts';
import { functionsOf } from './functions.ts';
import { playSteps } from './play-steps.ts';
import { ANSWERS, ASKABLE, rootsAt, type Script, type Target, type Transcript } from './script.ts';

/** Plays a script with the client of the TypeScript SDK, version 2. */
export async function playV2(
  target: Target,
  { steps, roots }: Script,
  era: 'legacy' | 'modern' = 'legacy',
): Promise<Transcript> {
  const client = new Client(
    { name: 'v2', version: '1' },
    {
      capabilities: roots === undefined ? {} : ASKABLE,
      versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : 'legacy' },
    },
  );
  const ear = new Ear();
  const asked: unknown[] = [];
  for (const kind of ['notifications/message', 'notifications/resources/updated'] as const) {
    client.setNotificationHandler(kind, ({ method, params }) => ear.hear(method, params));
  }
  if (roots !== undefined) {
    client.setRequestHandler('sampling/createMessage', ({ method, params }) => {
      asked.push({ method, params });
      return ANSWERS.sampling;
    });
    client.setRequestHandler('elicitation/create', ({ method, params }) => {
      asked.push({ method, params });
      return ANSWERS.elicitation;
    });
    client.setRequestHandler('roots/list', () => rootsAt(roots));
  }
  const transport = transportTo(target);
  await client.connect(transport);
  try {
    const answers = await playSteps(
      steps,
      ear,
      functionsOf(client, (params, options) => client.callTool(params as never, options as never)),
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
