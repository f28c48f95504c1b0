import { describe, expect, test } from 'vitest';
import { networkPolicy } from '../../charts/network-policy.ts';
import type { RenderOptions } from '../../charts/render-options.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';
import { type Found, rendered } from './rendered.ts';

describe('the Service', () => {
  test('keeps a client on its pod for at least as long as its session may idle', () => {
    expect(rendered('Service', {}, 'berth').spec).toMatchObject({
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      ports: [{ name: 'mcp', port: 80, targetPort: 'mcp' }],
    });
    const long = rendered('Service', { server: { sessionIdleTimeout: '5h' } }, 'berth');
    expect(long.spec.sessionAffinityConfig.clientIP.timeoutSeconds).toBe(18_000);
    const days = rendered('Service', { server: { sessionIdleTimeout: '72h' } }, 'berth');
    expect(days.spec.sessionAffinityConfig.clientIP.timeoutSeconds).toBe(86_400);
  });

  test('does not behind an ingress or a route, where all clients have one address, unless it is told to', () => {
    const ingress = { ingress: { enabled: true, hosts: ['a.example.com'] } };
    const route = { httpRoute: { enabled: true, parentRefs: [{ name: 'x' }], hostnames: ['a.example.com'] } };
    for (const proxy of [ingress, route]) {
      expect(rendered('Service', proxy, 'berth').spec.sessionAffinity).toBe('None');
      expect(rendered('Service', proxy, 'berth').spec).not.toHaveProperty('sessionAffinityConfig');
      const told = rendered('Service', { ...proxy, service: { sessionAffinity: 'ClientIP' } }, 'berth');
      expect(told.spec.sessionAffinity).toBe('ClientIP');
    }
  });

  test('spreads requests over all pods where it is told to', () => {
    const { spec } = rendered('Service', { service: { sessionAffinity: 'None' } }, 'berth');
    expect(spec.sessionAffinity).toBe('None');
    expect(spec).not.toHaveProperty('sessionAffinityConfig');
  });

  test('may let a client go before its session ends, since every pod serves it', () => {
    const { spec } = rendered('Service', { service: { sessionAffinityTimeoutSeconds: 60 } }, 'berth');
    expect(spec.sessionAffinityConfig.clientIP.timeoutSeconds).toBe(60);
  });

  test('never carries the admin port', () => {
    expect(rendered('Service', {}, 'berth').spec.ports).toHaveLength(1);
  });
});

test('the peer Service lists every pod, Ready or not, with peer and admin port', () => {
  expect(rendered('Service', {}, 'berth-peers').spec).toMatchObject({
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    ports: [
      { name: 'peer', port: 8001, targetPort: 'peer' },
      { name: 'admin', port: 9464, targetPort: 'admin' },
    ],
  });
});

test('the HTTPRoute sends to the port that the Service has', () => {
  const httpRoute = { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['a.example.com'] };
  const port = (more: object) => rendered('HTTPRoute', { httpRoute, ...more }).spec.rules[0].backendRefs[0];
  expect(port({ service: { port: 8080 } })).toEqual({ name: 'berth', port: 8080 });
  expect(port({})).toEqual({ name: 'berth', port: 80 });
});

test.each([
  ['v1.2', 'v1.2'],
  ['a'.repeat(63), 'a'.repeat(63)],
  ['a'.repeat(64), undefined],
  ['v1-', undefined],
  ['v1.', undefined],
  ['_v1', undefined],
])('the tag %s makes the version label %s, since not every tag can be a label', (tag, version) => {
  const { metadata, spec } = rendered('Deployment', { image: { repository: 'a', tag } });
  expect(metadata.labels['app.kubernetes.io/version']).toBe(version);
  expect(spec.template.metadata.labels['app.kubernetes.io/version']).toBe(version);
});

test('the PodDisruptionBudget lets one pod go at a time, and sick ones always', () => {
  expect(rendered('PodDisruptionBudget').spec).toMatchObject({
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
  const stay = rendered('PodDisruptionBudget', { replicas: 4, podDisruptionBudget: { minAvailable: 2 } });
  expect(stay.spec).toMatchObject({ minAvailable: 2 });
  expect(stay.spec).not.toHaveProperty('maxUnavailable');
});

describe('the NetworkPolicy', () => {
  test('opens MCP to everybody, the peer port to its own pods, the admin port to nobody', () => {
    const { policyTypes, ingress } = rendered('NetworkPolicy').spec;
    expect(policyTypes).toEqual(['Ingress']);
    expect(ingress).toEqual([
      { ports: [{ protocol: 'TCP', port: 8000 }] },
      {
        ports: [{ protocol: 'TCP', port: 8001 }],
        from: [
          {
            podSelector: {
              matchLabels: { 'app.kubernetes.io/name': 'mcp-server', 'app.kubernetes.io/instance': 'berth' },
            },
          },
        ],
      },
    ]);
  });

  test('opens the admin port to named namespaces and MCP to named clients', () => {
    const clients = [{ namespaceSelector: { matchLabels: { team: 'a' } } }];
    const { ingress } = rendered('NetworkPolicy', { networkPolicy: { clients, adminNamespaces: ['monitoring'] } }).spec;
    expect(ingress[0].from).toEqual(clients);
    expect(ingress[2]).toEqual({
      ports: [{ protocol: 'TCP', port: 9464 }],
      from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    });
  });

  test('opens the admin port to the operator where it asks for connections, and to nobody else there', () => {
    const operator = (namespace: string) => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'berth-operator' } },
    });
    const admin = (more: object, options: RenderOptions = {}) => {
      const { spec }: Found = networkPolicy(validateValues(minimal({ ...more })), options);
      return spec.ingress.find(({ ports }: Found) => ports[0].port === 9464)?.from;
    };
    expect(admin({})).toBeUndefined();
    expect(admin({ autoscaling: { enabled: true } })).toEqual([operator('berth-system')]);
    expect(admin({ autoscaling: { enabled: true } }, { operatorNamespace: 'ops' })).toEqual([operator('ops')]);
    expect(admin({}, { describedBy: 'MCPFleet', operatorNamespace: 'ops' })).toEqual([operator('ops')]);
    const scraped = { networkPolicy: { adminNamespaces: ['monitoring'] } };
    const adapter = { autoscaling: { enabled: true, source: 'prometheus-adapter' }, ...scraped };
    const monitoring = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
    expect(admin(adapter)).toEqual([monitoring]);
    expect(admin(adapter, { describedBy: 'MCPFleet' })).toEqual([monitoring, operator('berth-system')]);
  });

  test('with egress rules still lets the pods ask DNS and each other', () => {
    const rule = { to: [{ ipBlock: { cidr: '192.0.2.0/24' } }] };
    const { policyTypes, egress } = rendered('NetworkPolicy', { networkPolicy: { egress: [rule] } }).spec;
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(egress).toHaveLength(4);
    expect(egress[0].ports).toContainEqual({ protocol: 'UDP', port: 53 });
    expect(egress[1].ports).toEqual([{ protocol: 'TCP', port: 8001 }]);
    expect(egress[3]).toEqual(rule);
  });

  test('with egress rules lets the pods ask the API server for the keys of tokens, where there are tokens', () => {
    const egress = (server: object) => rendered('NetworkPolicy', { networkPolicy: { egress: [] }, server }).spec.egress;
    const apiServer = { ports: [443, 6443].map((port) => ({ protocol: 'TCP', port })) };
    expect(egress({})[2]).toEqual(apiServer);
    expect(egress({ peerIdentity: 'key:/etc/berth/key' })).toHaveLength(2);
  });
});
