/** The sum of a metric's samples in Prometheus' text format, over all its labels; `undefined` when it is not there. */
export function metric(text: string, name: string): number | undefined {
  const samples = text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return samples.length === 0 ? undefined : samples.reduce((total, sample) => total + sample, 0);
}
