import { FakePods } from '../../test/fixtures/fake-pods.ts';

/** The program of `pods-process.ts`. */
export type PodsOrder =
  | { readonly listen: readonly string[]; readonly port: number }
  /** Each pod holds a number below this that never changes, or others from time to time. */
  | { readonly below: number; readonly everyMs?: number };

let pods: FakePods | undefined;
let timer: NodeJS.Timeout | undefined;

process.on('message', async (order: PodsOrder) => {
  if ('listen' in order) pods = await FakePods.listen(order.listen, order.port);
  else {
    const change = () => pods?.hold(() => Math.random() * order.below);
    change();
    clearInterval(timer);
    if (order.everyMs !== undefined) timer = setInterval(change, order.everyMs);
  }
  process.send?.('done');
});
process.on('disconnect', () => process.exit());
