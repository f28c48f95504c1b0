import { kubectl, kubectlJson, type Outcome, run } from './command.ts';
import { eventually } from './eventually.ts';
import { imageUnderTest } from './images.ts';

const NAMESPACE = 'berth-system';
const NAME = 'berth-operator';

/** The operator, installed from what `berth synth` writes, as anybody would. */
export class OperatorUnderTest {
  readonly namespace = NAMESPACE;
  readonly name = NAME;
  readonly #manifest: string;

  private constructor(manifest: string) {
    this.#manifest = manifest;
  }

  /** Installs the custom resource and the operator, and waits until autoscalers can ask it. */
  static async install(...options: readonly string[]): Promise<OperatorUnderTest> {
    const crds = await synth('crds');
    await kubectl(['apply', '--server-side', '-f', '-'], crds);
    const operator = new OperatorUnderTest(await synth('operator', '--image', imageUnderTest(), ...options));
    await operator.apply();
    await operator.serving();
    return operator;
  }

  /** Applies the manifest with the validation that a careful person would use. */
  apply(): Promise<Outcome> {
    return kubectl(['apply', '--validate=strict', '-f', '-'], this.#manifest);
  }

  /** Waits until its pods are Ready and the API server asks them. */
  async serving(): Promise<void> {
    await kubectl(['-n', NAMESPACE, 'rollout', 'status', `deployment/${NAME}`, '--timeout=90s']);
    for (const version of ['v1beta1', 'v1beta2']) {
      await eventually(`APIService ${version}`, 60_000, async () => {
        const outcome = await run('kubectl', ['get', '--raw', `/apis/custom.metrics.k8s.io/${version}`]);
        return outcome.code === 0 ? true : undefined;
      });
    }
  }

  /** The pod that leads. */
  async leader(): Promise<string> {
    const lease = await kubectlJson<{ readonly spec: { readonly holderIdentity?: string } }>(
      ...['-n', NAMESPACE, 'get', 'lease', NAME],
    );
    return lease.spec.holderIdentity ?? '';
  }

  kubectl(...args: readonly string[]): Promise<Outcome> {
    return kubectl(['-n', NAMESPACE, ...args]);
  }

  /** What it says, for a person who reads why a test failed. */
  async lastWords(): Promise<string> {
    const seen = await Promise.all([
      run('kubectl', ['-n', NAMESPACE, 'get', 'pods,events']),
      run('kubectl', ['-n', NAMESPACE, 'logs', '--prefix', '--tail=40', '-l', `app.kubernetes.io/name=${NAME}`]),
      run('kubectl', ['get', 'apiservices', '-o', 'wide']),
      run('kubectl', ['get', 'mcpfleets,hpa', '-A', '-o', 'yaml']),
    ]);
    return seen.map((outcome) => outcome.stdout + outcome.stderr).join('\n');
  }

  /** Deletes what was installed, as its documentation says. */
  async uninstall(): Promise<void> {
    await kubectl(['delete', '--ignore-not-found', '--wait=true', '-f', '-'], this.#manifest);
  }
}

async function synth(...args: readonly string[]): Promise<string> {
  const outcome = await run(process.execPath, ['src/cli/main.ts', 'synth', ...args]);
  if (outcome.code !== 0)
    throw new Error(`berth synth ${args.join(' ')} ended with ${outcome.code}: ${outcome.stderr}`);
  return outcome.stdout;
}
