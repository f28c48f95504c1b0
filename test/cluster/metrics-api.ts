import { run } from './command.ts';

export const GROUP = '/apis/custom.metrics.k8s.io';

/** What the API server answers, as `kubectl get --raw` shows it. */
export interface RawAnswer {
  /** The JSON of a 200. */
  readonly body: unknown;
  /** What kubectl says of anything else. */
  readonly error: string;
}

/** Asks the metrics API through the API server. */
export async function ask(path: string): Promise<RawAnswer> {
  const { code, stdout, stderr } = await run('kubectl', ['get', '--raw', `${GROUP}/${path}`]);
  return { body: code === 0 ? JSON.parse(stdout) : undefined, error: stderr.trim() };
}

/** The one value that an answer holds, as a number; `undefined` when there is none. */
export async function metricValue(path: string): Promise<number | undefined> {
  const { body } = await ask(path);
  const { items } = (body ?? { items: [] }) as { readonly items: readonly { readonly value: string }[] };
  const [, amount, milli] = /^(\d+)(m?)$/.exec(items[0]?.value ?? '') ?? [];
  return amount === undefined ? undefined : Number(amount) / (milli === 'm' ? 1_000 : 1);
}
