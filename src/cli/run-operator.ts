import { hostname } from 'node:os';
import { OPERATOR_NAMESPACE } from '../../charts/operator/names.ts';
import { type OperatorConfigKey, readOperatorConfig } from '../config/operator-config.ts';
import { connect } from '../kube/connect.ts';
import { operate } from '../operator/operator.ts';
import { OperatorMetrics } from '../operator/operator-metrics.ts';
import { createLog } from '../server/log.ts';
import { firstSignal } from './first-signal.ts';

export interface OperatorArguments {
  readonly context: string | undefined;
  readonly flags: Readonly<Partial<Record<OperatorConfigKey, string>>>;
}

/** Runs the operator until SIGTERM or SIGINT; a second signal ends it at once. Answers the exit code. */
export async function runOperator({ context, flags }: OperatorArguments): Promise<0 | 1> {
  const signalled = firstSignal();
  const config = readOperatorConfig(flags, process.env);
  const log = createLog(config);
  const metrics = new OperatorMetrics();
  const api = await connect({ context, observe: (call) => metrics.observe(call) });
  const leave = new AbortController();
  // The manifests tell both by the downward API.
  const { POD_NAME: identity = hostname(), POD_NAMESPACE: namespace = OPERATOR_NAMESPACE } = process.env;
  const place = { identity, namespace };
  // Goes on evenly when somebody sets the machine's clock.
  const clock = () => performance.timeOrigin + performance.now();
  const operating = operate({ api, config, log, metrics, place, clock }, leave.signal);
  const left = signalled.then(({ name, second }) => {
    log.info({ signal: name }, 'Stopping');
    leave.abort();
    return new Promise<void>((resolve) => second.addEventListener('abort', () => resolve(), { once: true }));
  });
  await Promise.race([operating, left]);
  log.info('Stopped');
  return 0;
}
