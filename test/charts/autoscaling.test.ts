import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { render } from '../../charts/render.ts';
import type { RenderOptions } from '../../charts/render-options.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';
import { type Found, rendered } from './rendered.ts';

describe('the HorizontalPodAutoscaler', () => {
  const autoscaler = (autoscaling: object, maxConnections = 25) =>
    rendered('HorizontalPodAutoscaler', { autoscaling: { enabled: true, ...autoscaling }, server: { maxConnections } });
  const metricsOf = (autoscaling: object, options: RenderOptions): Found[] => {
    const values = minimal({ autoscaling: { enabled: true, ...autoscaling }, server: { maxConnections: 100 } });
    const objects: Found[] = render(validateValues(values), options);
    return objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler').spec.metrics;
  };
  const demand = (describedObject: object, averageValue: string, parameters: object = {}) => ({
    type: 'Object',
    object: {
      describedObject: { ...describedObject, name: 'berth' },
      metric: { name: 'mcp_demand', selector: { matchLabels: { target: averageValue, ...parameters } } },
      target: { type: 'AverageValue', averageValue },
    },
  });
  const fleet = { apiVersion: 'berth.dev/v1alpha1', kind: 'MCPFleet' };
  const service = { apiVersion: 'v1', kind: 'Service' };

  test('is there on request only', () => {
    expect(rendered('HorizontalPodAutoscaler')).toBeUndefined();
  });

  test.each([
    [25, 70, '17'],
    [1000, 70, '700'],
    [2, 10, '1'],
    [3, 34, '1'],
    [200, 50, '100'],
  ])('with a cap of %i and %i %% aims at %s connections', (cap, targetUtilization, averageValue) => {
    expect(autoscaler({ targetUtilization }, cap).spec.metrics).toEqual([
      {
        type: 'Pods',
        pods: { metric: { name: 'mcp_active_connections' }, target: { type: 'AverageValue', averageValue } },
      },
    ]);
  });

  test('goes by what the whole fleet needs where a custom resource describes it', () => {
    expect(metricsOf({}, { describedBy: 'MCPFleet' })).toEqual([demand(fleet, '70')]);
    expect(metricsOf({ metric: 'object' }, {})).toEqual([demand(service, '70')]);
    expect(metricsOf({ metric: 'pods' }, { describedBy: 'MCPFleet' })).toEqual(metricsOf({}, {}));
  });

  test('keeps a buffer of free slots by a second metric, against the cap less what an autoscaler tolerates', () => {
    const buffered = (described: object) => [
      demand(described, '70'),
      demand(described, '90910m', { target: '100', buffer: '20' }),
    ];
    expect(metricsOf({ buffer: 20 }, { describedBy: 'MCPFleet' })).toEqual(buffered(fleet));
    expect(metricsOf({ buffer: 20 }, {})).toEqual(buffered(service));
    const exact = { buffer: 20, behavior: { scaleUp: { tolerance: '0' } } };
    expect(metricsOf(exact, {})[1]?.object.target.averageValue).toBe('100');
  });

  test('grows exactly when fewer slots than the buffer are free', () => {
    fc.assert(
      fc.property(
        fc.record({ cap: fc.integer({ min: 2, max: 5_000 }), pods: fc.integer({ min: 1, max: 100 }) }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ cap, pods }, used, kept) => {
          const held = Math.floor(used * cap * pods);
          const buffer = Math.max(1, Math.floor(kept * cap));
          const values = { autoscaling: { enabled: true, maxReplicas: 200, targetUtilization: 50, buffer } };
          const hpa = rendered('HorizontalPodAutoscaler', { ...values, server: { maxConnections: cap } });
          const [, amount, milli] = /^(\d+)(m?)$/.exec(hpa.spec.metrics[1].object.target.averageValue) ?? [];
          const average = Number(amount) / (milli === 'm' ? 1_000 : 1);
          // What Kubernetes does: nothing as long as the ratio is within a tenth of 1.
          const grows = (held + buffer) / (average * pods) > 1.1;
          expect(grows).toBe(cap * pods - held < buffer);
        },
      ),
    );
  });

  test('names nothing that prometheus-adapter could not serve', () => {
    const values = minimal({
      autoscaling: { enabled: true, source: 'prometheus-adapter' },
      networkPolicy: { adminNamespaces: ['monitoring'] },
    });
    const objects: Found[] = render(validateValues(values), { describedBy: 'MCPFleet' });
    const { spec } = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    expect(spec.metrics.map(({ type }: Found) => type)).toEqual(['Pods']);
    const { data } = objects.find(({ kind }) => kind === 'ConfigMap');
    const { rules } = parse(data['rules.yaml']);
    expect(rules).toHaveLength(1);
    expect(rules[0].name.as).toBe(spec.metrics[0].pods.metric.name);
    expect(rules[0].metricsQuery).toBe('max(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)');
  });

  test('shrinks no sooner than a drain takes, and never waits longer than Kubernetes allows', () => {
    const window = (server: object) =>
      rendered('HorizontalPodAutoscaler', { autoscaling: { enabled: true }, server }).spec.behavior.scaleDown
        .stabilizationWindowSeconds;
    expect(window({})).toBe(300);
    expect(window({ longestCall: '10m' })).toBeGreaterThan(5 + 15 + 600 + 5);
    expect(window({ longestCall: '2h' })).toBe(3600);
  });

  test('grows without waiting', () => {
    expect(autoscaler({}).spec.behavior.scaleUp.stabilizationWindowSeconds).toBe(0);
  });

  test('a behavior that is given replaces ours, direction by direction', () => {
    const { behavior } = autoscaler({ behavior: { scaleDown: { selectPolicy: 'Disabled' } } }).spec;
    expect(behavior.scaleDown).toEqual({ selectPolicy: 'Disabled' });
    expect(behavior.scaleUp.stabilizationWindowSeconds).toBe(0);
  });
});

describe('the ScaledObject of KEDA', () => {
  const keda = (autoscaling: object = {}, server: object = { maxConnections: 100 }): Record<string, unknown> => ({
    namespace: 'mcp',
    autoscaling: { enabled: true, source: 'keda', ...autoscaling },
    networkPolicy: { adminNamespaces: ['keda'] },
    server,
  });
  const scaledObject = (more: Record<string, unknown> = keda()): Found => rendered('ScaledObject', more);

  test('is there in place of an autoscaler of ours, and owns the number of pods', () => {
    expect(rendered('HorizontalPodAutoscaler', keda())).toBeUndefined();
    expect(rendered('Deployment', keda()).spec).not.toHaveProperty('replicas');
    expect(scaledObject(keda({ minReplicas: 2, maxReplicas: 5 })).spec).toMatchObject({
      scaleTargetRef: { name: 'berth' },
      minReplicaCount: 2,
      maxReplicaCount: 5,
    });
  });

  test('adds up the connections of every pod of the peer Service, Ready or not', () => {
    const [trigger] = scaledObject(keda({}, { maxConnections: 100, adminPort: 9000 })).spec.triggers;
    expect(trigger).toMatchObject({
      type: 'metrics-api',
      metricType: 'AverageValue',
      metadata: {
        url: 'http://berth-peers.mcp.svc:9000/connections',
        targetValue: '70',
        aggregateFromKubeServiceEndpoints: 'true',
        aggregationType: 'sum',
      },
    });
    const { spec, metadata } = rendered('Service', keda(), 'berth-peers');
    expect(new URL(trigger.metadata.url).hostname.split('.').slice(0, 2)).toEqual([metadata.name, metadata.namespace]);
    expect(spec.publishNotReadyAddresses).toBe(true);
    for (const value of Object.values(trigger.metadata)) expect(value).toBeTypeOf('string');
  });

  test('grows and shrinks as our own autoscaler would, and not before a drain is over', () => {
    const { behavior } = scaledObject(keda({}, { longestCall: '10m' })).spec.advanced.horizontalPodAutoscalerConfig;
    const ours = rendered('HorizontalPodAutoscaler', {
      autoscaling: { enabled: true },
      server: { longestCall: '10m' },
    });
    expect(behavior).toEqual(ours.spec.behavior);
    expect(behavior.scaleDown.stabilizationWindowSeconds).toBe(5 + 15 + 600 + 5 + 60);
  });

  test('keeps a buffer by a formula, for which its sum has a name', () => {
    expect(scaledObject().spec.advanced).not.toHaveProperty('scalingModifiers');
    const { advanced, triggers } = scaledObject(keda({ buffer: 20 })).spec;
    expect(advanced.scalingModifiers).toEqual({
      formula: 'max(connections, (connections + 20) * 70 * 1.1 / 100)',
      target: '70',
      metricType: 'AverageValue',
    });
    expect(triggers[0].name).toBe('connections');
  });
});
