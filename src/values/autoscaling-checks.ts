import { type Check, when } from './check.ts';
import { AUTOSCALER_TOLERANCE, targetConnections } from './scale.ts';
import { effectiveSettings } from './server-values.ts';

const LONGEST_STABILIZATION_SECONDS = 3600;

/** Who has to reach the admin port of the pods, with each source that is not our own operator. */
export const SCRAPERS = { keda: 'KEDA', 'prometheus-adapter': 'Prometheus' } as const;

/** Rules about the autoscaler; none of them matters while it is off. */
export const autoscalingChecks: readonly Check[] = [
  {
    reads: ['autoscaling'],
    find: ({ autoscaling: { enabled, minReplicas, maxReplicas } }) =>
      when(
        enabled && minReplicas > maxReplicas,
        'autoscaling.minReplicas',
        () =>
          `is ${minReplicas} but autoscaling.maxReplicas is ${maxReplicas}: there is no number of pods that is both.`,
      ),
  },
  {
    reads: ['autoscaling', 'server.maxConnections'],
    find(values) {
      const { enabled, behavior, targetUtilization } = values.autoscaling;
      const { maxConnections } = effectiveSettings(values.server);
      const target = targetConnections(values);
      return when(
        enabled &&
          behavior.scaleUp?.['tolerance'] === undefined &&
          maxConnections <= target * (1 + AUTOSCALER_TOLERANCE),
        'autoscaling.targetUtilization',
        () =>
          `is ${targetUtilization}, a target of ${target} for pods that hold ${maxConnections} at most: the autoscaler ignores differences of a tenth, so it would never grow.`,
      );
    },
  },
  {
    reads: ['autoscaling'],
    find({ autoscaling: { behavior } }) {
      return (['scaleUp', 'scaleDown'] as const).flatMap((direction) => {
        const seconds = behavior[direction]?.['stabilizationWindowSeconds'];
        return when(
          typeof seconds === 'number' && seconds > LONGEST_STABILIZATION_SECONDS,
          `autoscaling.behavior.${direction}.stabilizationWindowSeconds`,
          () => `must be at most ${LONGEST_STABILIZATION_SECONDS}. Got ${seconds}.`,
        );
      });
    },
  },
  {
    reads: ['autoscaling'],
    find({ autoscaling: { enabled, source, metric } }) {
      return [
        ...when(
          enabled && source === 'prometheus-adapter' && metric === 'object',
          'autoscaling.metric',
          () => 'is object, but prometheus-adapter serves only what each pod says. Give pods.',
        ),
        ...when(
          enabled && source === 'keda' && metric !== undefined,
          'autoscaling.metric',
          () => `is ${metric}, which has no effect with the source keda: KEDA adds up the connections itself.`,
        ),
      ];
    },
  },
  {
    reads: ['autoscaling', 'server.maxConnections'],
    find({ autoscaling: { enabled, source, metric, buffer, maxReplicas }, server }) {
      if (!enabled || buffer === 0) return [];
      const slots = maxReplicas * effectiveSettings(server).maxConnections;
      return [
        ...when(
          source === 'prometheus-adapter',
          'autoscaling.buffer',
          () =>
            `is ${buffer}, but prometheus-adapter serves only what each pod says, which cannot keep slots free. Give autoscaling.source: operator.`,
        ),
        ...when(
          source === 'operator' && metric === 'pods',
          'autoscaling.buffer',
          () =>
            `is ${buffer} but autoscaling.metric is pods, a mean that cannot keep slots free. Give autoscaling.metric: object.`,
        ),
        ...when(
          buffer >= slots,
          'autoscaling.buffer',
          () =>
            `is ${buffer}, but ${maxReplicas} ${maxReplicas === 1 ? 'pod has' : 'pods have'} ${slots} slots: the fleet would always have as many pods as it may.`,
        ),
      ];
    },
  },
  {
    reads: ['autoscaling', 'namespace'],
    find: ({ autoscaling: { enabled, source }, namespace }) =>
      when(
        enabled && source === 'keda' && namespace === undefined,
        'namespace',
        () => 'is not given, but KEDA finds the pods by the name and the namespace of their Service.',
      ),
  },
  {
    reads: ['autoscaling', 'networkPolicy'],
    find({ autoscaling: { enabled, source }, networkPolicy }) {
      if (!enabled || source === 'operator' || !networkPolicy.enabled) return [];
      return when(
        networkPolicy.adminNamespaces.length === 0,
        'networkPolicy.adminNamespaces',
        () =>
          `has no entry: ${SCRAPERS[source]} could not reach the connections of the pods. Give the namespace that it runs in.`,
      );
    },
  },
];
