import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inSession, JSON_AND_EVENTS, toolCall } from '../server/wire.ts';

/** A fresh socket for every request, so that a process that was killed is not met on an old one. */
const ONCE = new Agent({ keepAlive: false });

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends one POST and reads its whole answer; rejects when the connection fails. */
export function send(url: string, body: unknown, headers: Record<string, string>, limit = 10_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST', agent: ONCE, headers: { ...JSON_AND_EVENTS, ...headers } });
    req.setTimeout(limit, () => req.destroy(new Error(`No answer within ${limit} ms.`)));
    req.once('error', reject);
    req.once('response', (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.once('end', () => resolve({ status: res.statusCode ?? 0, text }));
      res.once('error', reject);
    });
    req.end(JSON.stringify(body));
  });
}

/** What `mark` answered: which process, and the count in the session's state. */
export interface Marked {
  readonly status: number;
  readonly pid: number;
  readonly calls: number;
}

/** Calls `mark` once in a session; rejects when the answer is that of another call. */
export async function mark(url: string, id: string, name: string, limit?: number): Promise<Marked> {
  const { status, text } = await send(url, toolCall(name, 'mark', { name }), inSession(id), limit);
  const [, pid, calls, said = ''] = /"text":"(\d+) (\d+) ([^"]+)"/.exec(text) ?? [];
  if (status === 200 && said !== name) throw new Error(`The call ${name} was answered with: ${text}`);
  return { status, pid: Number(pid), calls: Number(calls) };
}

/** The same, again and again with the same name while it is refused, as a client does; and how long it took. */
export async function markPatiently(url: string, id: string, name: string, limit = 5_000) {
  const begun = performance.now();
  for (let refused = 0; ; refused++) {
    const answer = await mark(url, id, name);
    const milliseconds = performance.now() - begun;
    if (answer.status !== 503 || milliseconds > limit) return { ...answer, refused, milliseconds };
    await sleep(50);
  }
}

/** Calls `mark` without pause in each of these sessions, through one of the URLs after the other, until told to stop. */
export function keepCalling(urls: readonly string[], ids: readonly string[], pause = 20) {
  const failed: string[] = [];
  const last = new Map<string, number>();
  let answered = 0;
  let slowest = 0;
  let over = false;
  const callers = ids.map(async (id, caller) => {
    for (let i = 0; !over; i++) {
      const begun = performance.now();
      const url = urls[(caller + i) % urls.length] ?? '';
      const answer = await mark(url, id, `load-${caller}-${i}`).catch((error: Error) => ({
        status: error.message,
        calls: 0,
      }));
      const before = last.get(id);
      if (answer.status !== 200) failed.push(`${id} at ${url}: ${answer.status}`);
      else if (before !== undefined && answer.calls !== before + 1)
        failed.push(`${id}: ${before}, then ${answer.calls}`);
      if (answer.status === 200) last.set(id, answer.calls);
      answered++;
      slowest = Math.max(slowest, performance.now() - begun);
      await sleep(pause);
    }
  });
  return {
    failed,
    /** The count in each session's state, as its client saw it last. */
    last,
    get answered() {
      return answered;
    },
    async stop() {
      over = true;
      await Promise.all(callers);
      return { answered, slowest: Math.round(slowest) };
    },
  };
}
