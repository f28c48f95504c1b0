import { sessionAffinity } from './affinity.ts';
import { type Check, when } from './check.ts';
import type { Values } from './schema.ts';
import { isTree, type Tree } from './tree.ts';

/** Labels that the charts set and that Services select by; they may not be changed. */
export const OWN_LABELS = [
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
] as const;

/** Group, kind and name of what the charts make from these values; a test holds it against what they do make. */
function ownObjects(values: Values): readonly string[] {
  const { name, serviceAccount, podDisruptionBudget, autoscaling, networkPolicy, ingress, httpRoute } = values;
  const made = (enabled: boolean, kind: string, of: string = name) => (enabled ? [`${kind} ${of}`] : []);
  return [
    ` Service ${name}`,
    ` Service ${name}-peers`,
    `apps Deployment ${name}`,
    ...made(serviceAccount.create, ' ServiceAccount', serviceAccount.name),
    ...made(podDisruptionBudget.enabled, 'policy PodDisruptionBudget'),
    ...made(autoscaling.enabled && autoscaling.source !== 'keda', 'autoscaling HorizontalPodAutoscaler'),
    ...made(autoscaling.enabled && autoscaling.source === 'keda', 'keda.sh ScaledObject'),
    ...made(
      autoscaling.enabled && autoscaling.source === 'prometheus-adapter',
      ' ConfigMap',
      `${name}-prometheus-adapter`,
    ),
    ...made(networkPolicy.enabled, 'networking.k8s.io NetworkPolicy'),
    ...made(ingress.enabled, 'networking.k8s.io Ingress'),
    ...made(httpRoute.enabled, 'gateway.networking.k8s.io HTTPRoute'),
  ];
}

/** Rules about the objects around the Deployment. */
export const objectChecks: readonly Check[] = [
  {
    reads: ['service', 'ingress.enabled', 'httpRoute.enabled'],
    find(values) {
      const { sessionAffinityTimeoutSeconds: given } = values.service;
      return when(
        given !== undefined && sessionAffinity(values) === 'None',
        'service.sessionAffinityTimeoutSeconds',
        () => `is ${given} but the session affinity is None, so it has no effect.`,
      );
    },
  },
  {
    reads: ['ingress'],
    find: ({ ingress }) =>
      when(
        ingress.enabled && ingress.hosts.length === 0,
        'ingress.hosts',
        () => 'has no entry: the server would refuse every Host that comes through the Ingress.',
      ),
  },
  {
    reads: ['httpRoute'],
    find: ({ httpRoute }) => [
      ...when(
        httpRoute.enabled && httpRoute.parentRefs.length === 0,
        'httpRoute.parentRefs',
        () => 'has no entry: the route would join no gateway.',
      ),
      ...when(
        httpRoute.enabled && httpRoute.hostnames.length === 0,
        'httpRoute.hostnames',
        () => 'has no entry: the server would refuse every Host that comes through the route.',
      ),
    ],
  },
  {
    reads: ['serviceAccount'],
    find: ({ serviceAccount }) =>
      when(
        !serviceAccount.create && Object.keys(serviceAccount.annotations).length > 0,
        'serviceAccount.annotations',
        () => 'is given but serviceAccount.create is false, so there is no object to put it on.',
      ),
  },
  {
    reads: ['podLabels'],
    find: ({ podLabels }) =>
      OWN_LABELS.filter((label) => label in podLabels).map((label) => ({
        path: 'podLabels',
        message: `has ${label}, which the charts set themselves: the Services could no longer find the pods.`,
      })),
  },
  {
    reads: [
      ...['extraObjects', 'name', 'namespace', 'serviceAccount.create', 'serviceAccount.name'],
      ...['podDisruptionBudget', 'autoscaling', 'networkPolicy', 'ingress', 'httpRoute'].map((key) => `${key}.enabled`),
      'autoscaling.source',
    ],
    find(values) {
      const { extraObjects, namespace = '' } = values;
      const taken = new Set(ownObjects(values).map((own) => `${own} ${namespace}`));
      return extraObjects.flatMap((object, index) => {
        const identity = identify(object);
        const path = `extraObjects.${index}`;
        if (identity === undefined) {
          return [{ path, message: 'must have apiVersion, kind and metadata.name, as every Kubernetes object has.' }];
        }
        const repeated = taken.has(identity);
        taken.add(identity);
        return when(repeated, path, () => `is a second ${identity.trim()}: one of the two would be lost.`);
      });
    },
  },
];

/** Group, kind, name and namespace: no two objects of a cluster have the same. */
function identify({ apiVersion, kind, metadata }: Tree): string | undefined {
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isTree(metadata)) return undefined;
  const [version, group = ''] = apiVersion.split('/').reverse();
  const { name, namespace = '' } = metadata;
  if (version === '' || apiVersion.split('/').length > 2 || typeof name !== 'string') return undefined;
  return `${group} ${kind} ${name} ${namespace}`;
}
