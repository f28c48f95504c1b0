import type { LoadReport, Phase } from './report.ts';
import type { Counts, Outcomes } from './tally.ts';

const COLUMNS = ['', 'count', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'max ms'];
const LABEL = 12;
const UNITS = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
] as const;

/** The report as a table for people, and lines for what is there to say besides. */
export function reportText(report: LoadReport): string {
  const { opening, calls, streams, churn, memory } = report;
  const rows = [COLUMNS, row('opened', opening), ...(calls === undefined ? [] : [row('calls', calls)])];
  const lines = [
    ['server', `${report.url}, ${report.eras.join(' and ')}`],
    ['sessions', `${opening.opened} of ${opening.asked} opened in ${opening.seconds.toFixed(2)} s`],
    ['', failuresText(opening.outcomes)],
    ['called', calls && `${callText(calls)} for ${calls.seconds.toFixed(2)} s`],
    ['', calls && outcomesText(calls.outcomes)],
    ['', calls && calls.unsent > 0 ? `${count(calls.unsent)} due calls not sent: no session was free` : ''],
    ['streams', streams.opened > 0 || failuresText(streams.outcomes) !== '' ? streamsText(streams) : ''],
    ['left', Object.values(churn).some((number) => number > 0) ? churnText(churn) : ''],
    ['memory', memory && memoryText(memory)],
    ['generator', calls && generatorText(calls)],
  ].filter(([, text]) => text !== undefined && text !== '');
  const table = rows.map((cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(LABEL) : cell.padStart(11))).join(''),
  );
  return `${[...lines.map(([label = '', text]) => label.padEnd(LABEL) + text), '', ...table].join('\n')}\n`;
}

function row(label: string, { outcomes, perSecond, latency }: Phase): string[] {
  const times = latency === undefined ? [] : [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
  return [label, count(answered(outcomes)), count(perSecond), ...times.map((time) => time.toFixed(time < 10 ? 2 : 1))];
}

function callText({ call: { method, params } }: NonNullable<LoadReport['calls']>): string {
  return method === 'tools/call' ? `${method} ${params['name']} ${JSON.stringify(params['arguments'])}` : method;
}

function outcomesText(outcomes: Outcomes): string {
  const results = outcomes.results === 0 ? [] : [`${count(outcomes.results)} results`];
  return [...results, failuresText(outcomes)].filter((text) => text !== '').join(', ');
}

/** What was no result, by what it was; empty when there were results only. */
export function failuresText(outcomes: Outcomes): string {
  const { toolErrors, refused, httpStatuses, jsonRpcErrors, connectionErrors } = outcomes;
  return [
    ...(toolErrors === 0 ? [] : [`${count(toolErrors)} errors of the tool`]),
    ...(refused === 0 ? [] : [`${count(refused)} refused with 503`]),
    ...listed(httpStatuses, 'HTTP '),
    ...listed(jsonRpcErrors, 'JSON-RPC '),
    ...listed(connectionErrors, ''),
  ].join(', ');
}

const listed = (counts: Counts, prefix: string) =>
  Object.entries(counts).map(([key, number]) => `${count(number)} × ${prefix}${key}`);

function streamsText({ held, opened, endedByServer, events, bytes, outcomes }: LoadReport['streams']): string {
  const failures = failuresText(outcomes);
  const what = `${count(held)} held at the end of ${count(opened)}, ${count(endedByServer)} ended by the server`;
  return `${what}, ${count(events)} events in ${size(bytes)}${failures === '' ? '' : `; not opened: ${failures}`}`;
}

const churnText = ({ deleted, vanished, lost }: LoadReport['churn']) =>
  `${count(deleted)} sessions deleted, ${count(vanished)} vanished, ${count(lost)} lost by the server`;

function memoryText({ before, open, perSession }: NonNullable<LoadReport['memory']>): string {
  const each = perSession === undefined ? '' : `, ${size(perSession)} per session`;
  return `${size(before)} before, ${size(open)} with all sessions open${each}`;
}

function generatorText({ generatorCpu, seconds, outcomes }: NonNullable<LoadReport['calls']>): string {
  const share = `${((100 * generatorCpu) / seconds).toFixed(0)} % of a core`;
  const calls = answered(outcomes);
  return calls === 0 ? share : `${share}, ${((generatorCpu * 1_000_000) / calls).toFixed(0)} µs of CPU per call`;
}

function answered({ results, toolErrors, jsonRpcErrors }: Outcomes): number {
  return Object.values(jsonRpcErrors).reduce((total, number) => total + number, results + toolErrors);
}

/** Digits in groups, as in 12,345. */
const count = (number: number) => Math.round(number).toLocaleString('en-US');

/** A size to three digits. */
function size(bytes: number): string {
  const [length, unit] = UNITS.find(([length]) => Math.abs(bytes) >= length) ?? [1, 'B'];
  return `${Number((bytes / length).toPrecision(3))} ${unit}`;
}
