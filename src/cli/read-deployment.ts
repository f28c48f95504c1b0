import type { V1Deployment, V1EnvVar } from '@kubernetes/client-node';
import { Command } from 'commander';
import type { ServeConfigKey } from '../config/serve-config.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { isOfImage } from '../values/command-variables.ts';
import { SIDECAR_NAME } from '../values/pod-parts.ts';
import { serveOptions } from './serve.ts';

/** One object of the manifests. */
export interface KubernetesDocument {
  readonly kind: string;
}

/** What a Deployment's container would be told, as this machine can be told it. */
export interface Described {
  readonly source: SourceSpec;
  /** The image of a server beside berth, which this machine can not run. */
  readonly sidecar: string | undefined;
  readonly flags: Readonly<Partial<Record<ServeConfigKey, string | true>>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly replicas: number;
}

/** How pods find and know each other; this machine has no other pods. */
const OF_PODS: readonly ServeConfigKey[] = ['peers', 'peerIdentity'];

/** Reads the serving container of the manifests' Deployment: its arguments and its plain environment variables. */
export function readDeployment(objects: readonly KubernetesDocument[], namespace: string): Described {
  const { spec } = objects.find(({ kind }) => kind === 'Deployment') as V1Deployment;
  const pod = spec?.template.spec;
  const container = pod?.containers[0];
  const environment = plainVariables(container?.env ?? [], namespace);
  const [, ...args] = (container?.args ?? []).map((argument) => expand(argument, environment));
  const dashes = args.includes('--') ? args.indexOf('--') : args.length;
  const parser = new Command().argument('[source]').exitOverride();
  for (const option of serveOptions()) parser.addOption(option);
  parser.parse(args.slice(0, dashes), { from: 'user' });
  const given = parser.opts<{ readonly upstream?: string }>();
  return {
    source: sourceOf(parser.args[0], args.slice(dashes + 1), given.upstream),
    sidecar: pod?.initContainers?.find(({ name }) => name === SIDECAR_NAME)?.image,
    flags: Object.fromEntries(Object.entries(given).filter(([key]) => !(OF_PODS as readonly string[]).includes(key))),
    environment,
    replicas: spec?.replicas ?? 1,
  };
}

function sourceOf(path: string | undefined, command: readonly string[], upstream: string | undefined): SourceSpec {
  if (command.length > 0) return { kind: 'command', command };
  return upstream === undefined ? { kind: 'module', path } : { kind: 'upstream', url: upstream };
}

function plainVariables(variables: readonly V1EnvVar[], namespace: string): Record<string, string> {
  const entries = variables.flatMap(({ name, value, valueFrom }) => {
    if (value !== undefined) return isOfImage(name, value) ? [] : [[name, value] as const];
    return valueFrom?.fieldRef?.fieldPath === 'metadata.namespace' ? [[name, namespace] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** `$(NAME)` in arguments, as the kubelet expands it. */
function expand(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replace(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string) => environment[name] ?? whole);
}
