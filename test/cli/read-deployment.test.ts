import { expect, test } from 'vitest';
import { render } from '../../charts/render.ts';
import { readDeployment } from '../../src/cli/read-deployment.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';

const described = (server: object) => readDeployment(render(validateValues(minimal({ server }))), 'here');

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
