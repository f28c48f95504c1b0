import { SCRAPERS } from '../../src/values/autoscaling-checks.ts';
import { LAST_STEPS_SECONDS, SERVER_END_SECONDS } from '../../src/values/drain-time.ts';
import { OWN_LABELS } from '../../src/values/object-checks.ts';
import { AUTOSCALER_TOLERANCE } from '../../src/values/scale.ts';
import { PEER_PORT } from '../../src/values/server-checks.ts';
import { given, quoted, value } from './cel.ts';

/** A rule that an API server checks before it takes a resource. */
export interface SpecRule {
  /** The key that is wrong. */
  readonly path: string;
  /** In CEL, with `self` for the spec; true for what may be. */
  readonly rule: string;
  /** Goes on from the key's path, as the checks of the values do; `{…}` is CEL. */
  readonly message: string;
}

const isScaled = value('autoscaling.enabled');
const source = value('autoscaling.source');
const buffer = value('autoscaling.buffer');
const metric = 'self.?autoscaling.?metric';
const [least, most] = [value('autoscaling.minReplicas'), value('autoscaling.maxReplicas')];
const connections = value('server.maxConnections');
const percent = value('autoscaling.targetUtilization');
const target = `(${connections} * ${percent} < 100 ? 1 : ${connections} * ${percent} / 100)`;
const slots = `${most} * ${connections}`;
/** In percent: integers, since CEL does not compare them with anything else. */
const TOLERATED = Math.round((1 + AUTOSCALER_TOLERANCE) * 100);

const autoscalingRules: readonly SpecRule[] = [
  {
    path: 'replicas',
    rule: `!(${isScaled} && ${given('replicas')})`,
    message:
      'is {self.replicas} but autoscaling is enabled, and the two would fight over the number of pods. Give autoscaling.minReplicas instead.',
  },
  {
    path: 'autoscaling.minReplicas',
    rule: `!${isScaled} || ${least} <= ${most}`,
    message: `is {${least}} but autoscaling.maxReplicas is {${most}}: there is no number of pods that is both.`,
  },
  {
    path: 'autoscaling.targetUtilization',
    // What a behavior of the user's own tolerates is not known here.
    rule: `!${isScaled} || ${given('autoscaling.behavior.scaleUp')} || ${connections} * 100 > ${target} * ${TOLERATED}`,
    message: `is {${percent}}, a target of {${target}} for pods that hold {${connections}} at most: the autoscaler ignores differences of a tenth, so it would never grow.`,
  },
  {
    path: 'autoscaling.metric',
    rule: `!${isScaled} || ${source} != "prometheus-adapter" || ${metric}.orValue("pods") == "pods"`,
    message: 'is object, but prometheus-adapter serves only what each pod says. Give pods.',
  },
  {
    path: 'autoscaling.metric',
    rule: `!${isScaled} || ${source} != "keda" || !${metric}.hasValue()`,
    message:
      'is {self.autoscaling.metric}, which has no effect with the source keda: KEDA adds up the connections itself.',
  },
  {
    path: 'autoscaling.buffer',
    rule: `!${isScaled} || ${buffer} == 0 || ${source} != "prometheus-adapter"`,
    message:
      'is {self.autoscaling.buffer}, but prometheus-adapter serves only what each pod says, which cannot keep slots free. Give autoscaling.source: operator.',
  },
  {
    path: 'autoscaling.buffer',
    rule: `!${isScaled} || ${buffer} == 0 || ${source} != "operator" || ${metric}.orValue("object") == "object"`,
    message:
      'is {self.autoscaling.buffer} but autoscaling.metric is pods, a mean that cannot keep slots free. Give autoscaling.metric: object.',
  },
  {
    path: 'autoscaling.buffer',
    rule: `!${isScaled} || ${buffer} < ${slots}`,
    message: `is {self.autoscaling.buffer}, but {${most}} {${most} == 1 ? "pod has" : "pods have"} {${slots}} slots: the fleet would always have as many pods as it may.`,
  },
  ...Object.entries(SCRAPERS).map(([name, scraper]) => ({
    path: 'networkPolicy.adminNamespaces',
    rule: `!${isScaled} || ${source} != ${quoted(name)} || !${value('networkPolicy.enabled')} || ${value('networkPolicy.adminNamespaces')}.size() > 0`,
    message: `has no entry: ${scraper} could not reach the connections of the pods. Give the namespace that it runs in.`,
  })),
];

const [port, adminPort] = [value('server.port'), value('server.adminPort')];
const store = value('server.sessionStore');

const serverRules: readonly SpecRule[] = [
  {
    path: 'server.adminPort',
    rule: `${port} != ${adminPort}`,
    message: `is {${adminPort}}, and so is server.port: only one of the two listeners could start.`,
  },
  ...['server.port', 'server.adminPort'].map((path) => ({
    path,
    rule: `${value(path)} != ${PEER_PORT}`,
    message: `is ${PEER_PORT}, the port that the pods of a fleet talk to each other on. Give another one.`,
  })),
  {
    path: 'server.transport',
    rule: `${value('server.transport')} != "stdio"`,
    message: 'is stdio, which nobody outside the pod could reach.',
  },
  {
    path: 'server.sessionStoreSecret',
    rule: `${store} == "memory" || !${given('server.sessionStoreSecret')}`,
    message: 'and server.sessionStore are both given, but sessions are kept in one place. Give one of them.',
  },
  {
    path: 'server.sessionStore',
    // A name before the colon may be missing; the password behind it ends at the last @ of the host's part.
    rule: `!${given('server.sessionStore')} || !self.server.sessionStore.matches("://[^/?#]*:[^/?#]+@")`,
    message:
      'holds a password, which everybody who may see the Deployment could read. Keep the address in a Secret and name that in server.sessionStoreSecret.',
  },
];

/** The keys that say what is served; the first that is given is the one that the others are told of. */
const SOURCES = ['server.source', 'server.command', 'server.upstream', 'sidecar'];

const sourceRules: readonly SpecRule[] = [
  ...SOURCES.flatMap((path, index) =>
    SOURCES.slice(0, index).map((other, before) => ({
      path,
      rule: `!(${[path, other].map(given).join(' && ')})${SOURCES.slice(0, before)
        .map((first) => ` || ${given(first)}`)
        .join('')}`,
      message: `and ${other} are both given, but a fleet serves one server. Give one of them.`,
    })),
  ),
  ...['server.commandImage', 'server.scratchSize'].map((path) => ({
    path,
    rule: `!${given(path)} || ${given('server.command')}`,
    message: 'is given, but there is no server.command that it would be for.',
  })),
  {
    path: 'server.maxConnections',
    rule: `!${given('server.command')} || ${value('server.share')} || ${given('server.maxConnections')} || ${given('resources')}`,
    message: `is not given, but each session of a command is a process of its own, and every pod would ask for memory for {${connections}} of them. Give it, or resources.`,
  },
  ...['server.port', 'server.adminPort'].map((path) => ({
    path: 'sidecar.port',
    rule: `!${given('sidecar')} || self.sidecar.port != ${value(path)}`,
    message: `is {self.sidecar.port}, and so is ${path}: the containers of a pod share its ports. Give another one.`,
  })),
  {
    path: 'sidecar.port',
    rule: `!${given('sidecar')} || self.sidecar.port != ${PEER_PORT}`,
    message: `is ${PEER_PORT}, the port that the pods of a fleet talk to each other on: the containers of a pod share its ports. Give another one.`,
  },
];

const drain = ['server.drainDelay', 'server.drainWindow', 'server.longestCall']
  .map((path) => `duration(${value(path)})`)
  .join(' + ');
/** Rounded up to a second. */
const outlivesCalls = `(${given('server.command')} || ${given('sidecar')})`;
const lastSteps = `(${outlivesCalls} ? ${LAST_STEPS_SECONDS + SERVER_END_SECONDS} : ${LAST_STEPS_SECONDS})`;
const drainSeconds = `(${drain} + duration("999ms")).getSeconds() + ${lastSteps}`;

const surge = value('strategy.rollingUpdate.maxSurge');
const unavailable = value('strategy.rollingUpdate.maxUnavailable');
const isNone = (amount: string) => `${amount} in [dyn(0), dyn("0%")]`;

const workloadRules: readonly SpecRule[] = [
  ...['image', 'server.commandImage', 'sidecar.image'].flatMap((path) => [
    {
      path: `${path}.repository`,
      // Not with orValue: of what that gives the length, and with it the cost, has no bound.
      rule: `!${given(path)} || !self.${path}.repository.matches(":[^/]*$")`,
      message: 'must be an image without a tag; give image.tag.',
    },
    {
      path: `${path}.tag`,
      rule: `!${given(path)} || ${given(`${path}.tag`)} || ${given(`${path}.digest`)}`,
      message: `is not given, and neither is ${path}.digest: each node would run whatever "latest" it has.`,
    },
  ]),
  {
    path: 'terminationGracePeriodSeconds',
    rule: `!${given('terminationGracePeriodSeconds')} || self.terminationGracePeriodSeconds >= ${drainSeconds}`,
    message: `is {self.terminationGracePeriodSeconds} but the drain needs {${drainSeconds}}: calls would be cut.`,
  },
  {
    path: 'strategy.rollingUpdate.maxSurge',
    rule: `${value('strategy.type')} != "RollingUpdate" || !(${isNone(surge)} && ${isNone(unavailable)})`,
    message: `is {${surge}} and maxUnavailable is {${unavailable}}: no pod could ever be replaced.`,
  },
  {
    path: 'podDisruptionBudget.minAvailable',
    rule: `!(${given('podDisruptionBudget.minAvailable')} && ${given('podDisruptionBudget.maxUnavailable')})`,
    message: 'and podDisruptionBudget.maxUnavailable are both given, but Kubernetes accepts only one of them.',
  },
  {
    path: 'serviceAccount.annotations',
    rule: `${value('serviceAccount.create')} || ${value('serviceAccount.annotations')}.size() == 0`,
    message: 'is given but serviceAccount.create is false, so there is no object to put it on.',
  },
  ...OWN_LABELS.map((label) => ({
    path: 'podLabels',
    rule: `!(${quoted(label)} in ${value('podLabels')})`,
    message: `has ${label}, which the charts set themselves: the Services could no longer find the pods.`,
  })),
];

const isProxied = `(${value('ingress.enabled')} || ${value('httpRoute.enabled')})`;

const networkRules: readonly SpecRule[] = [
  {
    path: 'service.sessionAffinityTimeoutSeconds',
    rule: `!${given('service.sessionAffinityTimeoutSeconds')} || self.service.?sessionAffinity.orValue(${isProxied} ? "None" : "ClientIP") != "None"`,
    message: 'is {self.service.sessionAffinityTimeoutSeconds} but the session affinity is None, so it has no effect.',
  },
  {
    path: 'ingress.hosts',
    rule: `!${value('ingress.enabled')} || ${value('ingress.hosts')}.size() > 0`,
    message: 'has no entry: the server would refuse every Host that comes through the Ingress.',
  },
  {
    path: 'httpRoute.parentRefs',
    rule: `!${value('httpRoute.enabled')} || ${value('httpRoute.parentRefs')}.size() > 0`,
    message: 'has no entry: the route would join no gateway.',
  },
  {
    path: 'httpRoute.hostnames',
    rule: `!${value('httpRoute.enabled')} || ${value('httpRoute.hostnames')}.size() > 0`,
    message: 'has no entry: the server would refuse every Host that comes through the route.',
  },
];

/** What may not be together in a spec, as far as CEL can say it; the operator's own validation finds the rest. */
export const specRules: readonly SpecRule[] = [
  ...workloadRules,
  ...sourceRules,
  ...serverRules,
  ...autoscalingRules,
  ...networkRules,
];
