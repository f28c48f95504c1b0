import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { JsonRpcMessage, JsonRpcResponse, RequestId } from '../../../src/protocol/json-rpc.ts';
import type { ClientMessage, HttpAnswer, RawClient } from '../../../src/sources/raw-server.ts';
import { UpstreamDoor } from '../../../src/sources/upstream/upstream-door.ts';
import { UpstreamSession } from '../../../src/sources/upstream/upstream-session.ts';
import { type Script, startScripted } from '../../fixtures/upstream/scripted.ts';

export const SILENT = pino({ level: 'silent' });

/** A session's end of a raw server: keeps what it is told. */
export class NotingClient implements RawClient {
  readonly sent: { readonly message: JsonRpcMessage; readonly relatedTo: RequestId | undefined }[] = [];
  readonly answers: (HttpAnswer & { readonly id: RequestId })[] = [];
  readonly losses: { readonly why: string; readonly notBegun: readonly ClientMessage[] }[] = [];
  /** What `send` returns next. */
  busy: Promise<void> | undefined;

  send(message: JsonRpcMessage, relatedTo?: RequestId): Promise<void> | undefined {
    this.sent.push({ message, relatedTo });
    return this.busy;
  }

  answer(id: RequestId, answer: HttpAnswer): void {
    this.answers.push({ id, ...answer });
  }

  lost(why: string, notBegun: readonly ClientMessage[] = []): void {
    this.losses.push({ why, notBegun });
  }

  responseTo(id: RequestId): JsonRpcResponse | undefined {
    return this.sent.map(({ message }) => message).find((message) => !('method' in message) && message.id === id) as
      | JsonRpcResponse
      | undefined;
  }
}

/** A scripted upstream, a session with it and its client; all of it ends with the test. */
export async function openScripted(
  script: Script,
  { maxMessage = 1024 * 1024, ...more }: { maxMessage?: number; resumedSilence?: number } = {},
) {
  const upstream = await startScripted(script);
  const client = new NotingClient();
  const door = new UpstreamDoor({ url: new URL(upstream.url), reached: () => {}, unreachable: () => {} });
  const session = new UpstreamSession({ door, maxMessage, log: SILENT, ...more });
  await session.connect(client);
  onTestFinished(async () => {
    await session.close();
    door.close();
    await upstream.stop().catch(() => {});
  });
  const say = (message: Record<string, unknown>, headers: Record<string, string> = {}) =>
    session.receive({ jsonrpc: '2.0', ...message } as unknown as JsonRpcMessage, {
      headers,
      remoteAddress: '192.0.2.7',
    });
  return {
    upstream,
    client,
    session,
    say,
    /** Says `initialize` and waits for the answer. */
    async begin() {
      say({ id: 'init', method: 'initialize', params: { protocolVersion: '2025-11-25' } });
      await until(() => client.responseTo('init') !== undefined);
      say({ method: 'notifications/initialized' });
    },
    call: (id: RequestId, name: string, headers?: Record<string, string>) =>
      say({ id, method: 'tools/call', params: { name } }, headers),
  };
}

/** Waits until something is so; fails when it is not within the time. */
export async function until(holds: () => boolean | Promise<boolean>, limit = 5_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not so within ${limit} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
