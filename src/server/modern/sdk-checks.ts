import type { McpServer } from '@modelcontextprotocol/server';
import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { ModernProduct } from './client-identity.ts';

/** What the SDK's handler asks a server object before it connects it. */
interface Checked {
  toolInputSchemaJson(name: string): object | undefined;
  resolveScopeChallenge(context: { readonly request: JsonRpcRequest }): unknown;
}

/** By schema: the SDK makes one per tool and server object. */
const declaring = new WeakMap<object, boolean>();

/** Whether a call is of a tool that wants some of its arguments in headers too (MCP 2026-07-28, `x-mcp-header`). */
export function wantsHeaders(product: ModernProduct, { method, params }: JsonRpcRequest): boolean {
  if (method !== 'tools/call' || !('server' in product)) return false;
  const schema = checked(product).toolInputSchemaJson(params?.['name'] as string);
  if (schema === undefined) return false;
  const known = declaring.get(schema) ?? mentionsHeader(schema);
  declaring.set(schema, known);
  return known;
}

/**
 * Asks a server object once whether the client needs more rights; `undefined` when it may go on. What it answered, or
 * threw, can be asked for again without asking the module.
 */
export async function challengeOf(product: ModernProduct, request: JsonRpcRequest): Promise<Challenge | undefined> {
  if (!('server' in product)) return undefined;
  let again: () => unknown;
  try {
    const challenge = await checked(product).resolveScopeChallenge({ request });
    if (challenge === undefined) return undefined;
    again = () => challenge;
  } catch (error) {
    again = () => {
      throw error;
    };
  }
  return {
    async during(work) {
      const server = checked(product);
      const { resolveScopeChallenge } = server;
      server.resolveScopeChallenge = again;
      try {
        await work();
      } finally {
        server.resolveScopeChallenge = resolveScopeChallenge;
      }
    },
  };
}

export interface Challenge {
  /** Has the server object say the same to the SDK while `work` runs. */
  during(work: () => Promise<void>): Promise<void>;
}

function mentionsHeader(schema: object): boolean {
  try {
    return JSON.stringify(schema).includes('"x-mcp-header"');
  } catch {
    // One that is no JSON is for the SDK to judge.
    return true;
  }
}

function checked(product: McpServer): Checked {
  const found = product as unknown as Partial<Checked>;
  if (typeof found.toolInputSchemaJson === 'function' && typeof found.resolveScopeChallenge === 'function') {
    return found as Checked;
  }
  throw new TypeError('The server object does not tell what it checks: this version of its SDK is not supported.');
}
