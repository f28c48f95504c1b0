import { expect, test } from 'vitest';
import { rendered, renderedContainer } from './rendered.ts';

const podSpec = (more: Record<string, unknown> = {}) => rendered('Deployment', more).spec.template.spec;
const withKey = { server: { peerIdentity: 'key:/etc/berth/key' } };

test('a pod gets a token for its peers, one for the API server, and the certificate to know that by', () => {
  expect(podSpec({ namespace: 'mcp' }).volumes).toEqual([
    {
      name: 'berth-identity',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'peer-token', audience: 'berth/mcp/berth', expirationSeconds: 3600 } },
          { serviceAccountToken: { path: 'api-token', expirationSeconds: 3600 } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        ],
      },
    },
  ]);
  expect(renderedContainer().volumeMounts).toEqual([
    { name: 'berth-identity', mountPath: '/var/run/secrets/berth', readOnly: true },
  ]);
});

test('a token is for the fleet of this name where the namespace is not known', () => {
  const [{ serviceAccountToken }] = podSpec().volumes[0].projected.sources;
  expect(serviceAccountToken.audience).toBe('berth/berth');
});

test('with a key that the pods share there are no tokens', () => {
  expect(podSpec(withKey)).not.toHaveProperty('volumes');
  expect(renderedContainer(withKey)).not.toHaveProperty('volumeMounts');
  expect(podSpec(withKey).automountServiceAccountToken).toBe(false);
});

test('the user’s volumes are there beside the tokens', () => {
  const server = { volumes: [{ name: 'v', emptyDir: {} }], volumeMounts: [{ name: 'v', mountPath: '/v' }] };
  expect(podSpec({ server }).volumes).toMatchObject([{ name: 'berth-identity' }, { name: 'v' }]);
  expect(renderedContainer({ server }).volumeMounts).toMatchObject([{ name: 'berth-identity' }, { name: 'v' }]);
});
