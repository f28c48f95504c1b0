import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadX509 } from '../../../src/operator/certificates/load-x509.ts';
import { createAuthority, type Pair, USAGE } from './authority.ts';
import { configOf, HPA, type Lab, SERVER_NAME, startLab } from './lab.ts';

const PODS = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/mcp/pods/*/mcp_active_connections';
const HOUR = 3_600_000;
const run = promisify(execFile);
const openssl = (args: string[]) => {
  const running = run('openssl', args);
  running.child.stdin?.end();
  return running;
};
const hasOpenssl = await openssl(['version']).then(
  () => true,
  () => false,
);
const UNAUTHORIZED = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
};

describe('believed is', () => {
  const good: Record<string, (lab: Lab) => Promise<Pair> | Pair> = {
    'the aggregator': ({ aggregator }) => aggregator,
    'one with an intermediate CA': async ({ frontProxy }) =>
      await (await frontProxy.intermediate('CN=middle')).issue('CN=front-proxy-client'),
    // Go does the same: it may be used for anything.
    'one whose certificate says nothing of its use': ({ frontProxy }) =>
      frontProxy.issue('CN=front-proxy-client', { usage: '' }),
    'one with an organisation in its name': ({ frontProxy }) => frontProxy.issue('O=cluster, CN=front-proxy-client'),
  };
  test.for(Object.entries(good))('%s', async ([, clientOf]) => {
    const lab = await startLab();
    const { status } = await lab.ask(PODS, { client: await clientOf(lab) });
    expect(status).toBe(200);
    expect(lab.reviews.specs[0]).toMatchObject({ user: HPA['x-remote-user'], groups: HPA['x-remote-group'] });
  });
});

describe('refused is', () => {
  const CRITICAL = async () => new (await loadX509()).Extension('1.2.3.4', true, new Uint8Array([5, 0]));
  const bad: Record<string, [clientOf: (lab: Lab) => Promise<Pair | null>, reason: string]> = {
    'who has no certificate': [async () => null, 'no client certificate'],
    "who has a certificate of the cluster's client CA": [
      async () => await (await createAuthority('CN=kubernetes')).issue('CN=front-proxy-client'),
      'UNABLE_TO_GET_ISSUER_CERT',
    ],
    'who has one of a CA of the same name': [
      async () => await (await createAuthority('CN=front-proxy-ca')).issue('CN=front-proxy-client'),
      'CERT_SIGNATURE_FAILURE',
    ],
    'who signed his own': [
      async () => {
        const { ca, key } = await createAuthority('CN=front-proxy-client');
        return { cert: ca, key };
      },
      'INVALID_PURPOSE',
    ],
    'who has one that expired': [
      async ({ frontProxy }) =>
        await frontProxy.issue('CN=front-proxy-client', { notAfter: new Date(Date.now() - 1_000) }),
      'CERT_HAS_EXPIRED',
    ],
    'who has one that is not valid yet': [
      async ({ frontProxy }) =>
        await frontProxy.issue('CN=front-proxy-client', { notBefore: new Date(Date.now() + HOUR) }),
      'CERT_NOT_YET_VALID',
    ],
    'who has one for servers': [
      async ({ frontProxy }) => await frontProxy.issue('CN=front-proxy-client', { usage: USAGE.server }),
      'INVALID_PURPOSE',
    ],
    'who has one with a critical extension that nobody knows': [
      async ({ frontProxy }) => await frontProxy.issue('CN=front-proxy-client', { extensions: [await CRITICAL()] }),
      'UNSPECIFIED',
    ],
    'who has one that was signed with a certificate that is no CA': [
      async ({ frontProxy }) => {
        const leaf = await frontProxy.intermediate('CN=leaf', { ca: false });
        return await leaf.issue('CN=front-proxy-client');
      },
      'INVALID_PURPOSE',
    ],
    'who has one from below an expired intermediate CA': [
      async ({ frontProxy }) => {
        const middle = await frontProxy.intermediate('CN=middle', { notAfter: new Date(Date.now() - 1_000) });
        return await middle.issue('CN=front-proxy-client');
      },
      'CERT_HAS_EXPIRED',
    ],
    'who has one from too far below the CA': [
      async ({ frontProxy }) => {
        const middle = await frontProxy.intermediate('CN=middle', { pathLength: 0 });
        return await (await middle.intermediate('CN=lower')).issue('CN=front-proxy-client');
      },
      'PATH_LENGTH_EXCEEDED',
    ],
    'who has another name': [
      async ({ frontProxy }) => await frontProxy.issue('CN=etcd'),
      'the common name "etcd" is not an allowed one',
    ],
    'who has the name in another field': [
      async ({ frontProxy }) => await frontProxy.issue('O=front-proxy-client, CN=etcd'),
      'the common name "etcd" is not an allowed one',
    ],
    'who has two names': [
      async ({ frontProxy }) => await frontProxy.issue('CN=etcd, CN=front-proxy-client'),
      'no common name, or several',
    ],
    'who has no name': [async ({ frontProxy }) => await frontProxy.issue('O=none'), 'no common name, or several'],
  };
  test.for(Object.entries(bad))('%s', async ([, [clientOf, reason]]) => {
    const lab = await startLab();
    const client = await clientOf(lab);
    const { status, headers, json } = await lab.ask(PODS, { client, agent: lab.agent(client) });
    expect([status, json]).toEqual([401, UNAUTHORIZED]);
    expect(headers.connection).toBe('close');
    expect(lab.log.join('')).toContain(JSON.stringify(reason).slice(1, -1));
    expect(lab.reviews.specs).toEqual([]);
  });

  test('who comes without a name of a user', async () => {
    const lab = await startLab();
    const { status, json } = await lab.ask(PODS, { headers: { 'x-remote-group': 'system:masters' } });
    expect([status, json]).toEqual([401, UNAUTHORIZED]);
  });

  test('who shows a token, and learns that it is of no use', async () => {
    const lab = await startLab();
    const { status, json } = await lab.ask(PODS, { client: null, headers: { authorization: 'Bearer x' } });
    expect([status, json]).toEqual([
      401,
      { ...UNAUTHORIZED, message: 'Unauthorized: tokens are not accepted here, ask through the API server' },
    ]);
  });

  test('everybody before the configuration is known', async () => {
    const lab = await startLab({ bare: true });
    lab.api.present(await lab.serving.issue('CN=berth-operator', { usage: USAGE.server, dns: ['berth'] }));
    expect((await lab.ask(PODS, { servername: null })).status).toBe(401);
  });

  test('also for discovery, with the headers of a superuser', async () => {
    const lab = await startLab();
    const headers = { 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
    expect((await lab.ask('/apis', { headers, client: null })).status).toBe(401);
  });
});

test('refusals are logged once in 10 s, with the number of those in between', async () => {
  const lab = await startLab();
  const refused = () => lab.log.filter((line) => line.includes('Refused caller')).map((line) => JSON.parse(line));
  for (let i = 0; i < 3; i++) await lab.ask(PODS, { client: null });
  expect(refused()).toMatchObject([{ reason: 'no client certificate', alsoRefused: 0 }]);
  lab.time.now += 10_000;
  await lab.ask(PODS, { client: null });
  expect(refused()).toMatchObject([{}, { alsoRefused: 2 }]);
});

test('without allowed names every client of the CA may speak for others', async () => {
  const lab = await startLab();
  lab.api.trust(configOf(lab.frontProxy.ca, { 'requestheader-allowed-names': '[]' }));
  const client = await lab.frontProxy.issue('CN=etcd');
  expect((await lab.ask(PODS, { client })).status).toBe(200);
});

test('a bundle may hold an intermediate CA alone', async () => {
  const lab = await startLab();
  const middle = await lab.frontProxy.intermediate('CN=middle');
  lab.api.trust(configOf(middle.ca));
  const client = await middle.issue('CN=front-proxy-client');
  expect((await lab.ask(PODS, { client })).status).toBe(200);
  expect((await lab.ask(PODS, { client: lab.aggregator })).status).toBe(401);
});

describe('a client certificate is judged with', () => {
  test('a client that names no server', async () => {
    const lab = await startLab();
    const client = await lab.frontProxy.issue('CN=front-proxy-client');
    expect((await lab.ask(PODS, { client, servername: null })).status).toBe(200);
    const forged = await (await createAuthority('CN=front-proxy-ca')).issue('CN=front-proxy-client');
    expect((await lab.ask(PODS, { client: forged, servername: null })).status).toBe(401);
  });

  test.for(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (maxVersion) => {
    const lab = await startLab();
    expect((await lab.ask(PODS, { maxVersion })).status).toBe(200);
    expect((await lab.ask(PODS, { maxVersion, client: null })).status).toBe(401);
  });
});

// Go's clients keep their certificate to themselves if its CA is not among those.
test.skipIf(!hasOpenssl).for([['-noservername'], ['-servername', SERVER_NAME]])(
  'clients are told which CA their certificate must come from (%s)',
  async (name) => {
    const lab = await startLab();
    lab.api.trust(configOf((await createAuthority('CN=next-ca')).ca));
    const shown = openssl(['s_client', '-connect', `127.0.0.1:${lab.api.port}`, ...name]);
    expect((await shown).stdout).toMatch(/Acceptable client certificate CA names\s+CN ?= ?next-ca\n(?!CN)/);
  },
);

describe('when the CA changes', () => {
  test('connections from before it are no good, and new ones of the new CA are', async () => {
    const lab = await startLab();
    const agent = lab.agent();
    expect((await lab.ask(PODS, { agent })).status).toBe(200);
    const socket = await lab.connect();

    const next = await createAuthority('CN=front-proxy-ca');
    lab.api.trust(configOf(next.ca));

    socket.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n`);
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 401 /);
    expect((await lab.ask(PODS, { agent })).status).toBe(401);
    expect((await lab.ask(PODS)).status).toBe(401);
    const client = await next.issue('CN=front-proxy-client');
    expect((await lab.ask(PODS, { client })).status).toBe(200);
    expect(lab.reviews.specs).toHaveLength(1);
  });

  test('connections that idle are ended', async () => {
    const lab = await startLab();
    const socket = await lab.connect();
    socket.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n`);
    await once(socket, 'data');
    const ended = once(socket.resume(), 'close');
    lab.api.trust(configOf((await createAuthority('CN=front-proxy-ca')).ca));
    await ended;
  });

  test('what is being answered is answered, on a connection that then ends', async () => {
    const lab = await startLab();
    const { promise: reviewed, resolve: allow } = Promise.withResolvers<boolean>();
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    lab.reviews.allows = () => {
      isAsked();
      return reviewed;
    };
    const answer = lab.ask(PODS, { agent: lab.agent() });
    await asked;
    lab.api.trust(configOf((await createAuthority('CN=front-proxy-ca')).ca));
    allow(true);
    const { status, headers } = await answer;
    expect([status, headers.connection]).toEqual([200, 'close']);
  });

  test('a connection whose handshake began before is no good', async () => {
    const lab = await startLab();
    const bundle = configOf(lab.frontProxy.ca + (await createAuthority('CN=other')).ca);
    const raw = connect({ port: lab.api.port, host: '127.0.0.1', ...lab.aggregator, rejectUnauthorized: false });
    onTestFinished(() => void raw.destroy());
    // The server has the connection when it begins to answer; the certificate is on its way.
    raw.once('keylog', () => lab.api.trust(bundle));
    await once(raw, 'secureConnect');
    raw.write(`GET ${PODS} HTTP/1.1\r\nHost: x\r\nX-Remote-User: jane\r\n\r\n`);
    expect(await readAll(raw)).toMatch(/^HTTP\/1.1 401 /);
    expect((await lab.ask(PODS)).status).toBe(200);
  });

  test('both CAs of a bundle count', async () => {
    const lab = await startLab();
    const next = await createAuthority('CN=next');
    lab.api.trust(configOf(lab.frontProxy.ca + next.ca));
    expect((await lab.ask(PODS)).status).toBe(200);
    expect((await lab.ask(PODS, { client: await next.issue('CN=front-proxy-client') })).status).toBe(200);
  });
});

test('a change of the allowed names counts on open connections', async () => {
  const lab = await startLab();
  const agent = lab.agent();
  expect((await lab.ask(PODS, { agent })).status).toBe(200);
  lab.api.trust(configOf(lab.frontProxy.ca, { 'requestheader-allowed-names': '["another"]' }));
  expect((await lab.ask(PODS, { agent })).status).toBe(401);
});

test('a certificate that expires while its connection is open is refused from then on', async () => {
  const lab = await startLab();
  const client = await lab.frontProxy.issue('CN=front-proxy-client', { notAfter: new Date(Date.now() + 60_000) });
  const agent = lab.agent(client);
  expect((await lab.ask(PODS, { agent, client })).status).toBe(200);
  lab.time.now += 61_000;
  expect((await lab.ask(PODS, { agent, client })).status).toBe(401);
});

test('a connection is verified anew after an hour', async () => {
  const lab = await startLab();
  const agent = lab.agent();
  const first = await lab.ask(PODS, { agent });
  lab.time.now += HOUR;
  const last = await lab.ask(PODS, { agent });
  expect([first.status, first.headers.connection]).toEqual([200, 'keep-alive']);
  expect([last.status, last.headers.connection]).toEqual([200, 'close']);
});

test.for(['TLSv1.2', 'TLSv1.3'] as const)('a connection of %s can not be resumed', async (maxVersion) => {
  const lab = await startLab();
  const socket = await lab.connect({ maxVersion });
  const sessions: (Buffer | undefined)[] = [];
  socket.on('session', (session: Buffer) => sessions.push(session));
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  sessions.push(socket.getSession());
  await readAll(socket);
  for (const session of sessions) {
    const again = await lab.connect({ maxVersion, ...(session && { session }) });
    expect(again.isSessionReused()).toBe(false);
  }
});

async function readAll(socket: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}
