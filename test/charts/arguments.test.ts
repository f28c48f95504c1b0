import { describe, expect, test } from 'vitest';
import { readServeConfig } from '../../src/config/read-config.ts';
import { type Found, renderedContainer } from './rendered.ts';

const ownHosts =
  'berth,berth.$(POD_NAMESPACE),berth.$(POD_NAMESPACE).svc,berth.$(POD_NAMESPACE).svc.cluster.local,localhost,127.0.0.1,[::1]';

test('without settings there are only the peers and the host names, which only the charts know', () => {
  expect(renderedContainer().args).toEqual(['serve', '--peers=berth-peers', `--allowed-hosts=${ownHosts}`]);
});

test('settings are passed on in the words of the flags, after the source', () => {
  const server = {
    source: './server.ts',
    maxConnections: 25,
    drainDelay: '90s',
    maxBody: '1024KiB',
    maxEventLog: '0B',
    parkAfter: '90s',
    maxParked: 0,
    sessionStore: 'redis://cache:6379',
    peerIdentity: 'key:/etc/berth/key',
  };
  expect(renderedContainer({ server }).args).toEqual([
    'serve',
    './server.ts',
    '--peers=berth-peers',
    '--max-connections=25',
    '--park-after=1m30s',
    '--max-parked=0',
    '--max-event-log=0',
    '--max-body=1MiB',
    '--drain-delay=1m30s',
    '--session-store=redis://cache:6379',
    '--peer-identity=key:/etc/berth/key',
    `--allowed-hosts=${ownHosts}`,
  ]);
});

test('the server reads from the arguments what the values said', () => {
  const server = {
    maxConnections: 25,
    sessionIdleTimeout: '1h30m',
    maxStreamBuffer: '2MiB',
    allowedOrigins: ['a', 'b'],
  };
  const flags = Object.fromEntries(
    (renderedContainer({ namespace: 'mcp', server }).args as string[]).slice(1).map((argument) => {
      const [flag = '', value = ''] = argument.slice(2).split('=');
      return [flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value];
    }),
  );
  expect(readServeConfig({ flags, environment: {} })).toMatchObject({
    maxConnections: 25,
    sessionIdleTimeout: 5_400_000,
    maxStreamBuffer: 2 * 1024 ** 2,
    peers: ['berth-peers'],
    allowedOrigins: ['a', 'b'],
    allowedHosts: expect.arrayContaining(['berth.mcp.svc', '[::1]']),
  });
});

describe('the allowed hosts', () => {
  const hosts = (more: Record<string, unknown>) =>
    renderedContainer(more).args.at(-1).replace('--allowed-hosts=', '').split(',');

  test('name the namespace when it is known, and leave it to the kubelet when not', () => {
    expect(hosts({ namespace: 'mcp' })).toContain('berth.mcp.svc.cluster.local');
    const variables = (container: Found) => container.env.map(({ name }: Found) => name);
    expect(variables(renderedContainer({ namespace: 'mcp' }))).not.toContain('POD_NAMESPACE');
    expect(renderedContainer().env[0]).toEqual({
      name: 'POD_NAMESPACE',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
    });
  });

  test('hold those of the ingress, of the route and of the user', () => {
    expect(
      hosts({
        server: { allowedHosts: ['extra.example.com'] },
        ingress: { enabled: true, hosts: ['a.example.com'] },
        httpRoute: { enabled: true, parentRefs: [{ name: 'x' }], hostnames: ['*.example.org'] },
      }),
    ).toEqual(expect.arrayContaining(['extra.example.com', 'a.example.com', '*.example.org', 'berth', 'localhost']));
  });

  test('do not hold those of an ingress that is off', () => {
    expect(hosts({ ingress: { hosts: ['a.example.com'] } })).not.toContain('a.example.com');
  });
});
