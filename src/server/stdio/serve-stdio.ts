import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorCode, isRequest, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import type { AnyMcpServer, EndReason, ServerSession } from '../../sources/define-server.ts';
import { errorIn, type RawServer } from '../../sources/raw-server.ts';
import type { Source } from '../../sources/source.ts';
import type { Log } from '../log.ts';
import { LineTransport } from './line-transport.ts';
import { type Published, publishOver } from './publish-over.ts';

export interface ServeStdioOptions {
  readonly source: Source;
  readonly input: Readable;
  readonly output: Writable;
  /** Bytes of one message. */
  readonly maxMessage: number;
  /** Milliseconds that calls in flight get, and what was said to be read, when the client has said all it had to say. */
  readonly longestCall: number;
  readonly log: Log;
  /** Ends it as the client does. */
  readonly stopping: AbortSignal;
}

/** What becomes of a connection over stdio. */
export interface StdioReport {
  readonly callsCut: number;
  /** Whether the server ended before its client. */
  readonly failed: boolean;
}

/** Serves one client over a pair of streams, until it or the server has nothing more to say. */
export async function serveStdio(options: ServeStdioOptions): Promise<StdioReport> {
  const { source, longestCall, log, stopping } = options;
  const transport = new LineTransport(options);
  const closing = new AbortController();
  const onEnd: ((reason: EndReason) => void)[] = [];
  const session = {
    id: undefined,
    state: {},
    fleetKey: randomBytes(32).toString('base64url'),
    onEnd: (callback: (reason: EndReason) => void) => void onEnd.push(callback),
  };
  const end = () => {
    for (const callback of onEnd) callback('closed');
    closing.abort();
  };
  const stopped = aborted(stopping);
  const connecting = connect(source, session, transport, log).then(async (served) => {
    await transport.start();
    return served;
  });
  const starting = connecting.then(async (served) => {
    await source.definition.start?.({ notify: publishOver(served.published), signal: closing.signal });
    return served;
  });
  const ignore = (error: unknown) => log.debug({ err: error }, 'Start came to nothing');
  // Whoever takes this long to start is not waited for; what a client has asked before it left is still answered.
  const served = await Promise.race([starting, stopped, transport.ended.then(() => connecting)]);
  starting.catch(ignore);
  if (served === undefined) {
    connecting.then((late) => late.close()).catch(ignore);
    end();
    return { callsCut: 0, failed: false };
  }
  const failed = await Promise.race([Promise.race([transport.ended, stopped]).then(() => false), served.lost]);
  const late = sleep(longestCall, undefined, { signal: closing.signal }).catch(() => {});
  await Promise.race([transport.settled(), late]);
  const callsCut = transport.owed;
  await served.close();
  await Promise.race([transport.flushed(), late]);
  end();
  return { callsCut, failed };
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, 'abort');
}

type Session = Omit<ServerSession, 'era'>;

interface Served {
  /** Where changes that the module publishes go. */
  readonly published: Published;
  /** Resolves, with true, when the server has gone by itself. */
  readonly lost: Promise<true>;
  close(): Promise<void>;
}

async function connect(source: Source, session: Session, transport: LineTransport, log: Log): Promise<Served> {
  const { definition, loadStdio } = source;
  const never = new Promise<true>(() => {});
  if (loadStdio !== undefined) {
    const serve = await loadStdio();
    const published: Published = { server: undefined };
    const factory = async ({ era }: { readonly era: 'legacy' | 'modern' }) => {
      const product = (await definition.create({ ...session, era })) as AnyMcpServer;
      published.server = product;
      return product as never;
    };
    const onerror = (error: Error) => log.debug({ err: error }, 'Connection reported an error');
    const handle = serve(factory, { transport: transport as never, onerror });
    return { published, lost: never, close: () => handle.close() };
  }
  const product = await definition.create({ ...session, era: 'legacy' });
  if ('receive' in product) return await connectRaw(product, transport, log);
  await product.connect(transport as never);
  return { published: { server: product }, lost: never, close: () => product.close() };
}

/** Every message is passed on as it is, so that client and server may speak any era. */
async function connectRaw(server: RawServer, transport: LineTransport, log: Log): Promise<Served> {
  const lost = Promise.withResolvers<true>();
  const owed = new Set<RequestId>();
  let gone: string | undefined;
  const fail = (id: RequestId, message: string) => {
    void transport.send({ jsonrpc: '2.0', id, error: { code: ErrorCode.server, message } });
  };
  await server.connect({
    send(message) {
      if (!('method' in message)) owed.delete(message.id as RequestId);
      return transport.send(message);
    },
    answer(id, answer) {
      owed.delete(id);
      void transport.send({ jsonrpc: '2.0', id, error: errorIn(answer) });
    },
    lost(why) {
      log.error({ why }, 'Server was lost');
      gone = why;
      for (const id of owed) fail(id, why);
      lost.resolve(true);
    },
  });
  transport.onmessage = (message: JsonRpcMessage) => {
    if (gone !== undefined) {
      if (isRequest(message)) fail(message.id, gone);
      return;
    }
    if (isRequest(message)) owed.add(message.id);
    server.receive(message, { headers: {} });
  };
  return { published: { server: undefined }, lost: lost.promise, close: () => server.close() };
}
