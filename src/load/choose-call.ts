import type { Client } from './clients/client.ts';
import { ConnectionError, RequestFailed } from './outcome.ts';
import type { Wanted } from './plan.ts';
import type { Call } from './requests.ts';

interface Tool {
  readonly name: string;
  readonly inputSchema?: Schema;
  readonly annotations?: { readonly destructiveHint?: boolean };
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly pattern?: string;
}

const LONGEST_TEXT = 10_000;
const LIST: Call = { method: 'tools/list', params: {} };

/** The call to make: what is wanted, with arguments made up where none are given. Asks the server for its tools if need be. */
export async function chooseCall(wanted: Wanted, client: Pick<Client, 'ask'>): Promise<Call> {
  if (wanted.kind === 'method') return { method: wanted.method, params: wanted.params };
  if (wanted.kind === 'tool' && wanted.arguments !== undefined) return toolCall(wanted.name, wanted.arguments);
  const tools = await toolsOf(client, wanted);
  if (wanted.kind === 'tool') {
    const tool = tools.find(({ name }) => name === wanted.name);
    const names = tools.map(({ name }) => name).join(', ');
    if (tool === undefined) throw new Error(`The server has no tool ${wanted.name}. Its tools are: ${names}.`);
    const filled = fill(tool.inputSchema ?? {});
    if (filled !== undefined) return toolCall(tool.name, filled);
    throw new Error(`The tool ${tool.name} needs arguments that can not be made up. Give them with --arguments.`);
  }
  for (const { name, inputSchema, annotations } of tools) {
    const filled = annotations?.destructiveHint === true ? undefined : fill(inputSchema ?? {});
    if (filled !== undefined) return toolCall(name, filled);
  }
  return LIST;
}

async function toolsOf(client: Pick<Client, 'ask'>, wanted: Wanted): Promise<readonly Tool[]> {
  try {
    const { tools } = await client.ask(LIST);
    return Array.isArray(tools) ? tools.filter(isTool) : [];
  } catch (error) {
    // Without a list there is still something to call, unless a tool was named.
    const failed = error instanceof RequestFailed || error instanceof ConnectionError;
    if (wanted.kind === 'any' && failed) return [];
    throw error;
  }
}

function isTool(tool: unknown): tool is Tool {
  return typeof tool === 'object' && tool !== null && 'name' in tool && typeof tool.name === 'string';
}

const toolCall = (name: string, args: Readonly<Record<string, unknown>>): Call => ({
  method: 'tools/call',
  params: { name, arguments: args },
});

/** Simple values for the required properties of a schema; `undefined` when one of them can not be made up. */
function fill({ properties = {}, required = [] }: Schema): Record<string, unknown> | undefined {
  if (!Array.isArray(required)) return undefined;
  const filled = required.map((key) => [key, valueFor(properties[key] ?? {})] as const);
  return filled.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(filled);
}

function valueFor(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  switch (typeof schema.type === 'string' ? schema.type : schema.type?.[0]) {
    case 'string':
      return schema.pattern === undefined && (schema.minLength ?? 1) <= LONGEST_TEXT
        ? 'x'.repeat(Math.max(1, schema.minLength ?? 1))
        : undefined;
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return false;
    case 'array':
      return (schema.minItems ?? 0) === 0 ? [] : undefined;
    case 'object':
      return fill(schema);
    default:
      return undefined;
  }
}
