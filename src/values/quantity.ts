const UNITS: Readonly<Record<string, number>> = {
  ...{ m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};
const QUANTITY = /^\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|(m|k|[MGTPE]|[KMGTPE]i)?)$/;

/** The number that a quantity of Kubernetes stands for, such as `512Mi`, `1.5G` or `1e9`; `undefined` when it is none. */
export function parseQuantity(given: unknown): number | undefined {
  if (typeof given !== 'string' && typeof given !== 'number') return undefined;
  const [, digits, exponent = '', unit = ''] = QUANTITY.exec(String(given)) ?? [];
  return digits === undefined ? undefined : Number(`${digits}${exponent}`) * (UNITS[unit] as number);
}
