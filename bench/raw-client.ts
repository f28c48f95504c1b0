import { connect, type Socket } from 'node:net';

/** One keep-alive connection that sends one request at a time; as little of an HTTP client as gives exact times. */
export interface RawClient {
  /** Sends a request and resolves with the whole answer; answers must have a Content-Length. */
  send(request: Buffer): Promise<string>;
  close(): void;
}

/** Opens a connection to a loopback port. */
export async function openRawClient(port: number): Promise<RawClient> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(opened));
    opened.once('error', reject);
  });
  let answer = '';
  let waiting: ((answer: string) => void) | undefined;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
    const head = answer.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
    if (answer.length < head + 4 + length) return;
    const whole = answer;
    answer = '';
    waiting?.(whole);
  });
  return {
    send(request) {
      return new Promise((resolve, reject) => {
        waiting = resolve;
        socket.write(request, (error) => error && reject(error));
      });
    },
    close: () => socket.destroy(),
  };
}

/** A POST to `/mcp` as bytes. */
export function postOf(port: number, message: object, session?: string): Buffer {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const lines = [
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(session === undefined ? [] : [`Mcp-Session-Id: ${session}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Opens a legacy session; resolves with its id. */
export async function openRawSession(client: RawClient, port: number): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const answer = await client.send(postOf(port, { id: 0, method: 'initialize', params }));
  const id = /mcp-session-id: (\S+)/i.exec(answer)?.[1];
  if (id === undefined) throw new Error(`No session was opened: ${answer}`);
  return id;
}
