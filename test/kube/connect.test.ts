import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { connect } from '../../src/kube/connect.ts';
import { kinds } from '../../src/kube/kinds.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { playServer } from './played-server.ts';
import { selfSigned } from './self-signed.ts';

let folder: string;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-kube-'));
  vi.stubEnv('HOME', folder);
  vi.stubEnv('KUBECONFIG', join(folder, 'config'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function writeKubeConfig(contexts: Record<string, { cluster: object; user: object }>, current?: string) {
  const names = Object.keys(contexts);
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config' },
    'current-context': current ?? names[0],
    contexts: names.map((name) => ({ name, context: { cluster: name, user: name } })),
    clusters: Object.entries(contexts).map(([name, { cluster }]) => ({ name, cluster })),
    users: Object.entries(contexts).map(([name, { user }]) => ({ name, user })),
  };
  await writeFile(join(folder, 'config'), JSON.stringify(config));
}

async function connected(options: Parameters<typeof connect>[0] = {}) {
  const api = await connect(options);
  closing.push(() => api.close());
  return api;
}

test('a kubeconfig with certificates: both sides are told, over one connection', async () => {
  const [identity, client] = await Promise.all([selfSigned('server'), selfSigned('somebody')]);
  const server = await playServer(
    (request, response) => {
      const socket = request.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } };
      response.end(JSON.stringify({ metadata: { name: socket.getPeerCertificate().subject.CN } }));
    },
    { ...identity, requestCert: true, rejectUnauthorized: false },
  );
  closing.push(() => server.close());
  const cluster = { server: server.url, 'certificate-authority-data': base64(identity.cert) };
  const user = { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) };
  await writeKubeConfig({ here: { cluster, user } });
  const api = await connected();
  for (let request = 0; request < 5; request++) {
    const pod = await api.get({ kind: kinds.pod, namespace: 'a', name: 'b' });
    expect(pod?.metadata.name).toBe('somebody');
  }
  expect(server.sockets).toBe(1);
});

test('a token of a file is read again when it was renewed', async () => {
  const server = await playServer((request, response) => response.end(request.headers.authorization));
  closing.push(() => server.close());
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, 'one');
  const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
  await writeKubeConfig({ here: { cluster: { server: server.url }, user } });
  const api = await connected();
  expect((await api.raw('/')).body).toBe('Bearer one');
  await writeFile(tokenFile, 'two');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  try {
    expect((await api.raw('/')).body).toBe('Bearer two');
  } finally {
    vi.useRealTimers();
  }
});

describe('which cluster', () => {
  test('the current context, or the one that is asked for, over plain HTTP as well', async () => {
    const [one, two] = await Promise.all([FakeKubeApi.start(), FakeKubeApi.start()]);
    closing.push(() => Promise.all([one.stop(), two.stop()]));
    await writeKubeConfig({
      one: { cluster: { server: one.url }, user: {} },
      two: { cluster: { server: two.url }, user: {} },
    });
    const observed: string[] = [];
    const observe = ({ verb, plural }: { verb: string; plural: string }) => void observed.push(`${verb} ${plural}`);
    await (await connected({ observe })).list(kinds.pod);
    expect(observed).toEqual(['list pods']);
    expect(one.requests).toEqual({ 'list pods': 1 });
    await (await connected({ context: 'two' })).list(kinds.pod);
    expect(two.requests).toEqual({ 'list pods': 1 });
  });

  test('a context that there is not is a mistake of whoever asked, with those that there are', async () => {
    await writeKubeConfig({ one: { cluster: { server: 'http://127.0.0.1:1' }, user: {} } });
    const failed = await connect({ context: 'two' }).catch((thrown: unknown) => thrown);
    expect(failed).toBeInstanceOf(UsageError);
    expect((failed as UsageError).message).toContain("--context must be one of the kubeconfig's (one). Got two.");
  });

  test('a kubeconfig that is not there, or is none, is named', async () => {
    await expect(connect()).rejects.toThrow(/Cannot read the kubeconfig: .*config/);
    await writeFile(join(folder, 'config'), '{');
    await expect(connect()).rejects.toBeInstanceOf(UsageError);
  });

  test('without a kubeconfig and outside of a cluster there is none', async () => {
    vi.stubEnv('KUBECONFIG', '');
    await expect(connect()).rejects.toThrow('There is no cluster to talk to');
  });
});
