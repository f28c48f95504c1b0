import type { McpServer } from '@modelcontextprotocol/server';
import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../../sources/define-server.ts';
import { within } from '../../sources/within.ts';
import type { ModernProduct } from './client-identity.ts';

/** What the SDK's handler asks a server object before it connects it. */
interface Checked {
  toolInputSchemaJson(name: string): object | undefined;
  resolveScopeChallenge(context: { readonly request: JsonRpcRequest }): unknown;
}

/** Those that a module gives again are limited once. */
const limited = new WeakSet<object>();

/**
 * Has a server object answer in so many milliseconds whether a client needs more rights, whoever asks it: until then its
 * request holds a slot, and no handler of it runs that could be cancelled. `late` is told of an answer that did not come.
 */
export function limitScopeCheck(product: AnyMcpServer, milliseconds: number, late: (error: unknown) => void): void {
  const server = product as Partial<Checked>;
  const { resolveScopeChallenge } = server;
  if (typeof resolveScopeChallenge !== 'function' || limited.has(product)) return;
  limited.add(product);
  server.resolveScopeChallenge = (context) => {
    const challenge = resolveScopeChallenge.call(product, context);
    // Most are there at once, and need no timer.
    if (typeof (challenge as PromiseLike<unknown> | undefined)?.then !== 'function') return challenge;
    let pending = true;
    const settled = Promise.resolve(challenge).finally(() => {
      pending = false;
    });
    const message = `The scope check took longer than ${milliseconds} ms.`;
    return within(milliseconds, settled, message).catch((error: unknown) => {
      if (pending) late(error);
      throw error;
    });
  };
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
