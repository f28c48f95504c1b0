import { randomBytes, randomUUID } from 'node:crypto';
import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/server';
import { isResponse, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { ServerProduct, SourceDefinition } from '../../sources/source.ts';
import { within } from '../../sources/within.ts';
import { ServerObject } from '../legacy/server-object.ts';
import type { MessageContext } from '../legacy/session-transport.ts';
import { recordOfUnknown } from '../legacy/unknown-client.ts';

export interface SampleOptions {
  readonly definition: Pick<SourceDefinition, 'create'>;
  /** Milliseconds for it to be made, and again for each of its answers. */
  readonly startLimit: number;
  /** Told of what the module throws where nobody waits. */
  failed(error: unknown): void;
}

/** A session that is there to be measured: made and spoken to as a client's is, without a client. */
export interface SampleSession {
  /** Ends it as a client's session ends; resolves when its server is gone. */
  close(): Promise<void>;
}

const LIST: JsonRpcRequest = { jsonrpc: '2.0', id: 'sample', method: 'tools/list' };
const URL_OF_NOBODY = new URL('http://localhost/mcp');
const CONTEXT: MessageContext = {
  requestInfo: { headers: {}, url: URL_OF_NOBODY },
  request: new Request(URL_OF_NOBODY, { method: 'POST' }),
  closeStandaloneSSEStream() {},
};

/** Opens one: `initialize`, `notifications/initialized`, `tools/list`. Rejects with what was in the way, and leaves nothing. */
export async function openSample({ definition, startLimit, failed }: SampleOptions): Promise<SampleSession> {
  const listed = Promise.withResolvers<void>();
  // It may fail before anybody waits for it.
  listed.promise.catch(() => {});
  let product: ServerProduct | undefined;
  const object = new ServerObject({
    record: recordOfUnknown(`sample-${randomUUID()}`, LATEST_PROTOCOL_VERSION),
    startLimit,
    fleetKey: () => randomBytes(32).toString('base64url'),
    async create(session) {
      product = await definition.create(session);
      return product;
    },
    handlers: { started() {}, settled() {} },
    outbound: {
      send(message) {
        // A server without tools answers with an error, and is measured all the same.
        if (isResponse(message) && message.id === LIST.id) listed.resolve();
        return undefined;
      },
      answer: () => listed.resolve(),
      lost: (why) => listed.reject(new Error(why)),
      closedByServer: () => listed.reject(new Error('The server closed the session.')),
    },
    failed,
  });
  const close = async () => {
    object.end('closed');
    // Of a raw one something may run on; a module's object is closed by then.
    if (product !== undefined && 'receive' in product) await product.close();
  };
  try {
    await object.reopen(CONTEXT);
    const refused = object.serve(LIST, CONTEXT);
    if (refused !== undefined) throw new Error(`tools/list was refused: ${refused.message}`);
    await within(startLimit, listed.promise, `tools/list was not answered within ${startLimit} ms.`);
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}
