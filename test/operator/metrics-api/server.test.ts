import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startMetricsApi } from '../../../src/operator/metrics-api/server.ts';
import { createAuthority, USAGE } from './authority.ts';
import { AT, configOf, HPA, SERVER_NAME, startLab } from './lab.ts';

const PODS = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/mcp/pods/*/mcp_active_connections';

async function readAll(socket: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  try {
    for await (const chunk of socket) text += chunk;
  } catch (error) {
    text += (error as NodeJS.ErrnoException).code;
  }
  return text;
}

function tcp(port: number): Socket {
  const socket = createConnection({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe('probes are answered to anybody', () => {
  test.for(['/healthz', '/livez', '/readyz', '/livez?verbose', '/readyz/'])('%s', async (path) => {
    const lab = await startLab();
    const { status, body } = await lab.ask(path, { client: null, headers: {} });
    expect([status, body]).toEqual([200, 'ok']);
  });

  test('and readiness is what the operator says', async () => {
    const lab = await startLab();
    lab.ready.now = false;
    const ask = async (path: string) => (await lab.ask(path, { client: null })).status;
    expect([await ask('/readyz'), await ask('/livez')]).toEqual([503, 200]);
  });
});

describe('the serving certificate', () => {
  test('may come after the start; until then no handshake succeeds', async () => {
    const lab = await startLab({ bare: true });
    lab.api.trust(configOf(lab.frontProxy.ca));
    await expect(lab.ask(PODS)).rejects.toThrow();
    lab.api.present(await lab.serving.issue('CN=berth-operator', { usage: USAGE.server, dns: [SERVER_NAME] }));
    expect((await lab.ask(PODS)).status).toBe(200);
  });

  test.for([SERVER_NAME, null])(
    'is another for new connections to %s; those that are open stay',
    async (servername) => {
      const lab = await startLab();
      const agent = lab.agent();
      await lab.ask(PODS, { agent });
      const next = await createAuthority('CN=next');
      lab.api.present(await next.issue('CN=new-certificate', { usage: USAGE.server, dns: [SERVER_NAME] }));

      const { status, headers } = await lab.ask(PODS, { agent });
      expect([status, headers.connection]).toEqual([200, 'keep-alive']);
      const name = servername === null ? {} : { servername };
      const socket = connect({ host: '127.0.0.1', port: lab.api.port, rejectUnauthorized: false, ...name });
      onTestFinished(() => void socket.destroy());
      await once(socket, 'secureConnect');
      expect(socket.getPeerCertificate().subject.CN).toBe('new-certificate');
    },
  );

  test('that is presented again changes nothing', async () => {
    const lab = await startLab({ bare: true });
    const certificate = await lab.serving.issue('CN=berth-operator', { usage: USAGE.server });
    for (let i = 0; i < 2; i++) lab.api.present({ ...certificate });
    expect(lab.log.filter((line) => line.includes('Loaded serving certificate'))).toHaveLength(1);
  });

  test.for(['not PEM', 'the key of another'])('stays when the next one is unfit: %s', async (what) => {
    const lab = await startLab();
    const [one, other] = await Promise.all([lab.serving.issue('CN=a'), lab.serving.issue('CN=b')]);
    const unfit = what === 'not PEM' ? { cert: 'x', key: 'y' } : { cert: one.cert, key: other.key };
    expect(() => lab.api.present(unfit)).toThrow();
    expect((await lab.ask(PODS)).status).toBe(200);
    lab.api.trust(configOf(lab.frontProxy.ca + (await createAuthority('CN=more')).ca));
    expect((await lab.ask(PODS)).status).toBe(200);
    expect((await lab.ask(PODS, { servername: null })).status).toBe(200);
  });
});

test('what the server chose for one caller is not seen by the next on the same connection', async () => {
  const lab = await startLab();
  lab.reviews.allows = ({ user }) => user === 'jane';
  const agent = lab.agent();
  const ask = async (user: string) => (await lab.ask(PODS, { agent, headers: { 'x-remote-user': user } })).status;
  expect([await ask('jane'), await ask('joe'), await ask('jane')]).toEqual([200, 403, 200]);
});

describe('hostile clients', () => {
  test.for([
    ['nonsense', 'nonsense\r\n\r\n', 400, 'this is not HTTP/1.1'],
    ['no path', 'GET https://x/livez HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'the request target must be a path'],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(70_000)}`, 431, 'the request headers are too large'],
    ['a method nobody knows', 'FETCH / HTTP/1.1\r\n\r\n', 400, 'this is not HTTP/1.1'],
    ['a path of slashes', `GET ${'/'.repeat(60_000)}x HTTP/1.1\r\nHost: x\r\n\r\n`, 401, 'Unauthorized'],
  ] as const)('get an answer to %s', async ([, text, status, message]) => {
    const lab = await startLab();
    const socket = await lab.connect();
    socket.write(text);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    const [head = '', body = ''] = chunk.toString().split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(body)).toMatchObject({ kind: 'Status', code: status, message: expect.stringContaining(message) });
    expect((await lab.ask(PODS)).status).toBe(200);
  });

  test('that begin a request and do not end it are told that it took too long', async () => {
    const lab = await startLab({ requestTimeoutMs: 200 });
    const socket = await lab.connect();
    socket.write('GET /livez HTTP/1.1\r\nHost');
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 408 .*"reason":"Timeout"/s);
  });

  test('do not get a second answer into the middle of one', async () => {
    const lab = await startLab();
    const pod = { value: 1, at: AT, labels: {} };
    // More than the kernel holds for a reader that does not read.
    lab.source.podValues['mcp'] = Array.from({ length: 40_000 }, (_, i) => ({ ...pod, name: `srv-${i}` }));
    const socket = await lab.connect();
    socket.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n`);
    const [start] = (await once(socket, 'data')) as [Buffer];
    socket.pause().write('nonsense\r\n\r\n');
    // Until the server has seen it: it can only be told by what it does.
    await lab.ask('/livez');
    expect(start + (await readAll(socket))).not.toContain('HTTP/1.1 400');
  });

  test('that keep a body to themselves are cut', async () => {
    const lab = await startLab({ requestTimeoutMs: 200 });
    const socket = await lab.connect();
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n');
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('that say nothing are cut, with a handshake or without', async () => {
    const lab = await startLab({ requestTimeoutMs: 200 });
    const silent = tcp(lab.api.port);
    const secured = await lab.connect();
    await Promise.all([readAll(silent), readAll(secured)]);
    expect((await lab.ask('/livez')).status).toBe(200);
  });

  test('that speak no TLS are cut', async () => {
    const lab = await startLab();
    const socket = tcp(lab.api.port);
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await readAll(socket)).not.toContain('200');
  });

  test('that leave in the middle of everything do no harm', async () => {
    const lab = await startLab();
    const { promise: reviewed, resolve: allow } = Promise.withResolvers<boolean>();
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    lab.reviews.allows = () => {
      isAsked();
      return reviewed;
    };
    const socket = await lab.connect();
    socket.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n`);
    await asked;
    socket.destroy();
    tcp(lab.api.port).destroy();
    allow(true);
    expect((await lab.ask(PODS)).status).toBe(200);
  });
});

describe('a body', () => {
  test('is not looked at', async () => {
    const lab = await startLab();
    const { status, headers } = await lab.ask(PODS, {
      body: 'x'.repeat(60_000),
      headers: { ...HPA, 'content-length': '60000' },
      agent: lab.agent(),
    });
    expect([status, headers.connection]).toEqual([200, 'keep-alive']);
  });

  test('that has no end ends the connection', async () => {
    const lab = await startLab();
    const socket = await lab.connect();
    socket.on('error', () => {}).resume();
    socket.write(`POST /livez HTTP/1.1\r\nHost: x\r\nX-Remote-User: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    let sent = 0;
    while (!socket.destroyed && sent < 100) {
      await new Promise((written) => socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`, written));
      sent++;
    }
    expect(sent).toBeLessThan(100);
  });
});

test('a large answer arrives whole', async () => {
  const lab = await startLab();
  lab.source.podValues['mcp'] = Array.from({ length: 10_000 }, (_, i) => ({
    name: `srv-${i}`,
    value: i,
    at: AT,
    labels: {},
  }));
  const { json } = await lab.ask(PODS);
  expect((json as { items: unknown[] }).items).toHaveLength(10_000);
});

test('while it drains, each answer ends its connection', async () => {
  const lab = await startLab();
  const agent = lab.agent();
  await lab.ask(PODS, { agent });
  lab.api.drain();
  const { status, headers } = await lab.ask(PODS, { agent });
  expect([status, headers.connection]).toEqual([200, 'close']);
});

describe('at its end', () => {
  test('it waits for what is being answered, and closes its port', async () => {
    const lab = await startLab();
    const { promise: reviewed, resolve: allow } = Promise.withResolvers<boolean>();
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    lab.reviews.allows = () => {
      isAsked();
      return reviewed;
    };
    const answer = lab.ask(PODS, { agent: lab.agent() });
    await asked;
    const stopped = lab.stop();
    allow(true);
    const { status, headers } = await answer;
    expect([status, headers.connection]).toEqual([200, 'close']);
    await stopped;
    await expect(lab.ask(PODS)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('it cuts what does not end, and what has not begun', async () => {
    const lab = await startLab();
    const [secured, silent] = [await lab.connect(), tcp(lab.api.port)];
    lab.reviews.allows = () => new Promise<boolean>(() => {});
    secured.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: ${HPA['x-remote-user']}\r\n\r\n`);
    await expect.poll(() => lab.reviews.specs.length).toBe(1);
    await lab.stop();
    await Promise.all([readAll(secured), readAll(silent)]);
  });
});

test('a port that is taken is said so', async () => {
  const lab = await startLab();
  const { signal } = new AbortController();
  const options = { host: '127.0.0.1', port: lab.api.port, source: lab.source, api: lab.reviews, isReady: () => true };
  const log = { warn() {}, info() {}, error() {} } as unknown as Parameters<typeof startMetricsApi>[0]['log'];
  await expect(startMetricsApi({ ...options, log, signal })).rejects.toThrow(
    `Cannot listen on 127.0.0.1:${lab.api.port} for the metrics API: listen EADDRINUSE`,
  );
});
