import type { LabelSelector } from './label-selector.ts';
import type { DemandParameters } from './metrics-source.ts';
import { isEquality } from './selector-object.ts';

const INTEGER = /^(0|[1-9]\d{0,8})$/;

/**
 * Reads the parameters of `mcp_demand` out of its label selector, `target=70,buffer=20` for short. There is a series for
 * each positive target and each buffer; `undefined` when the selector names none of them.
 */
export function demandParameters({ requirements }: LabelSelector): DemandParameters | undefined {
  const parameters = new Map<string, number>();
  for (const requirement of requirements) {
    const { key, values } = requirement;
    const value = values[0] ?? '';
    if (!isEquality(requirement) || !INTEGER.test(value) || parameters.has(key)) return undefined;
    parameters.set(key, Number(value));
  }
  const target = parameters.get('target');
  const buffer = parameters.get('buffer') ?? 0;
  parameters.delete('target');
  parameters.delete('buffer');
  if (parameters.size > 0 || target === 0) return undefined;
  return target === undefined ? { buffer } : { target, buffer };
}
