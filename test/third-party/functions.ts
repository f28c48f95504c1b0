import type { Functions } from './play-steps.ts';

type Ask = (params: never, options: never) => Promise<object>;

/** What the clients of both major versions of the TypeScript SDK have in common. */
interface OfficialClient {
  readonly listTools: Ask;
  readonly listPrompts: Ask;
  readonly getPrompt: Ask;
  readonly listResources: Ask;
  readonly listResourceTemplates: Ask;
  readonly readResource: Ask;
  readonly subscribeResource: Ask;
  readonly unsubscribeResource: Ask;
  readonly complete: Ask;
  setLoggingLevel(level: never, options: never): Promise<object>;
  ping(options: never): Promise<object>;
}

/** The function that a user of the client would take for each method; calling a tool differs between the versions. */
export function functionsOf(client: OfficialClient, callTool: Functions['tools/call']): Functions {
  return {
    'tools/list': (params, options) => client.listTools(params as never, options as never),
    'tools/call': callTool,
    'prompts/list': (params, options) => client.listPrompts(params as never, options as never),
    'prompts/get': (params, options) => client.getPrompt(params as never, options as never),
    'resources/list': (params, options) => client.listResources(params as never, options as never),
    'resources/templates/list': (params, options) => client.listResourceTemplates(params as never, options as never),
    'resources/read': (params, options) => client.readResource(params as never, options as never),
    'resources/subscribe': (params, options) => client.subscribeResource(params as never, options as never),
    'resources/unsubscribe': (params, options) => client.unsubscribeResource(params as never, options as never),
    'completion/complete': (params, options) => client.complete(params as never, options as never),
    'logging/setLevel': ({ level }, options) => client.setLoggingLevel(level as never, options as never),
    ping: (_, options) => client.ping(options as never),
  };
}
