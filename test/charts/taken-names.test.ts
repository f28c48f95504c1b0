import { expect, test } from 'vitest';
import { render } from '../../charts/render.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';

const everything = {
  replicas: 2,
  serviceAccount: { name: 'own' },
  ingress: { enabled: true, hosts: ['a.example.com'] },
  httpRoute: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['a.example.com'] },
};
const scaled = { autoscaling: { enabled: true } };
const by = (source: string) => ({
  namespace: 'mcp',
  autoscaling: { enabled: true, source },
  networkPolicy: { adminNamespaces: ['monitoring'] },
});

test.each([[everything], [scaled], [by('keda')], [by('prometheus-adapter')]])(
  'an extra object may be none that %j makes',
  (more) => {
    for (const { apiVersion, kind, metadata } of render(validateValues(minimal(more)))) {
      const object = { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace } };
      expect(() => validateValues(minimal({ ...more, extraObjects: [object] })), kind).toThrow(
        `${[kind, metadata.name, metadata.namespace].join(' ').trim()}: one of the two would be lost.`,
      );
    }
  },
);

const object = (apiVersion: string, kind: string, name = 'berth', namespace?: string) => ({
  apiVersion,
  kind,
  metadata: namespace === undefined ? { name } : { name, namespace },
});
test.each([
  [{}, object('networking.k8s.io/v1', 'Ingress')],
  [{}, object('gateway.networking.k8s.io/v1', 'HTTPRoute')],
  [{}, object('autoscaling/v2', 'HorizontalPodAutoscaler')],
  [by('keda'), object('autoscaling/v2', 'HorizontalPodAutoscaler', 'berth', 'mcp')],
  [scaled, object('keda.sh/v1alpha1', 'ScaledObject')],
  [scaled, object('v1', 'ConfigMap', 'berth-prometheus-adapter')],
  [{ networkPolicy: { enabled: false } }, object('networking.k8s.io/v1', 'NetworkPolicy')],
  [{ podDisruptionBudget: { enabled: false } }, object('policy/v1', 'PodDisruptionBudget')],
  [{ serviceAccount: { create: false } }, object('v1', 'ServiceAccount')],
  [{ serviceAccount: { name: 'own' } }, object('v1', 'ServiceAccount')],
  [{}, object('apps/v1', 'Deployment', 'berth-peers')],
])('what the charts do not make with %j may be given: %j', (more, extra) => {
  expect(render(validateValues(minimal({ ...more, extraObjects: [extra] })))).toContainEqual(extra);
});
