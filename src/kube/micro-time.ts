/** A time as Kubernetes' `MicroTime`; with the milliseconds of `toISOString` API servers turn it away. `time`: milliseconds since 1970. */
export function microTime(time: number): string {
  return new Date(time).toISOString().replace('Z', '000Z');
}
