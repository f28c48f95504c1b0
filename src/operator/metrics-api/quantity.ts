/** A number as Kubernetes' Quantity: `37`, or in thousandths what is no integer, `37500m`. */
export function quantity(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`A quantity must be a finite number. Got ${value}.`);
  const thousandths = Math.round(value * 1_000);
  // Plain digits at any size: String() would write large numbers with an exponent.
  if (Number.isInteger(value) || thousandths % 1_000 === 0) return BigInt(Math.round(value)).toString();
  return `${thousandths}m`;
}
