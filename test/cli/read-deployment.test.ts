import { expect, test } from 'vitest';
import { render } from '../../charts/render.ts';
import { readDeployment } from '../../src/cli/read-deployment.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';

const described = (server: object, more: object = {}) =>
  readDeployment(render(validateValues(minimal({ server, ...more }))), 'here');
const image = { repository: 'localhost/notes', tag: '7' };

test('what the pods are told of each other is not for this machine, which has no other pods', () => {
  const { flags } = described({ maxConnections: 7, peerIdentity: 'key:/etc/berth/key' });
  expect(flags).toMatchObject({ maxConnections: '7', allowedHosts: expect.stringContaining('berth.here.svc') });
  expect(flags).not.toHaveProperty('peers');
  expect(flags).not.toHaveProperty('peerIdentity');
});

test('variables that only a cluster can fill are left out', () => {
  const env = [
    { name: 'COLOUR', value: 'green' },
    { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } },
  ];
  const { environment } = described({ env, sessionStoreSecret: { name: 'store', key: 'url' } });
  expect(environment).toEqual({ POD_NAMESPACE: 'here', COLOUR: 'green' });
});

test('a command is run here with what was said of it, and not in the home that it has in a pod', () => {
  const command = ['notes', '--peers', ''];
  const { source, flags, environment } = described({ command, maxConnections: 7, share: true, commandImage: image });
  expect(source).toEqual({ kind: 'command', command });
  expect(flags).toMatchObject({ maxConnections: '7', share: true });
  expect(environment).toEqual({ POD_NAMESPACE: 'here' });
});

test('an upstream is reached from here, and a sidecar is told from it', () => {
  const upstream = 'http://notes.default.svc/mcp';
  expect(described({ upstream })).toMatchObject({ source: { kind: 'upstream', url: upstream }, sidecar: undefined });
  expect(described({}, { sidecar: { image, port: 9000 } })).toMatchObject({
    source: { kind: 'upstream', url: 'http://127.0.0.1:9000/mcp' },
    sidecar: 'localhost/notes:7',
  });
});
