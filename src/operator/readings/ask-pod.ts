import { type Agent, request } from 'node:http';
import { parseReport, type Report } from './report.ts';

/** A pod's answer has a few hundred bytes. */
const MOST_BYTES = 64 * 1024;

/** Asks a pod for its connections. Resolves to `undefined` when it is silent for `limitMs`, or says anything else. */
export function askPod(
  { host, port }: { readonly host: string; readonly port: number },
  agent: Agent,
  limitMs: number,
): Promise<Report | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path: '/connections', agent });
    const finish = (report: Report | undefined) => {
      clearTimeout(limit);
      if (report === undefined) asked.destroy();
      resolve(report);
    };
    const limit = setTimeout(() => finish(undefined), limitMs);
    asked.once('error', () => finish(undefined));
    asked.once('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > MOST_BYTES) finish(undefined);
      });
      answer.once('error', () => finish(undefined));
      answer.once('end', () => finish(answer.statusCode === 200 ? parseReport(body) : undefined));
    });
    asked.end();
  });
}
