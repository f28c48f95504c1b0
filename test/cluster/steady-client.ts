import { setTimeout as sleep } from 'node:timers/promises';
import { optionsFor, type Route } from './dial.ts';
import { type Answer, initializeMessage, legacyMessage, modernCall, reasonOf, resultOf, send } from './mcp-wire.ts';

/** What happened to a client over its whole life. */
export interface Tally {
  calls: number;
  /** Sessions that were lost with a 404 and opened again, which the protocol asks of a client. */
  reopened: number;
  /** Everything else that was not a result, by status or error code. */
  readonly failures: Record<string, number>;
}

export interface SteadyClientOptions {
  readonly era: 'legacy' | 'modern';
  readonly route: Route;
  readonly url: URL;
  readonly tool: string;
  readonly args: object;
  /** Milliseconds between two calls. */
  readonly pause: number;
}

/** Calls one tool again and again until the signal, over raw HTTP so that no library hides a failure by trying again. */
export async function callSteadily(options: SteadyClientOptions, signal: AbortSignal): Promise<Tally> {
  const tally: Tally = { calls: 0, reopened: 0, failures: {} };
  const fail = (what: string) => {
    tally.failures[what] = (tally.failures[what] ?? 0) + 1;
  };
  const route = optionsFor(options.route);
  const post = (message: { headers: Record<string, string>; body: string }) =>
    send(route, 'POST', options.url, message.headers, message.body);
  let session: string | undefined;
  for (let id = 1; !signal.aborted; id++) {
    try {
      if (options.era === 'legacy' && session === undefined) session = await open(post, fail);
      if (options.era === 'modern' || session !== undefined) {
        const answer = await post(
          options.era === 'modern'
            ? modernCall(options.tool, options.args, id)
            : legacyMessage('tools/call', { name: options.tool, arguments: options.args }, id, session),
        );
        if (answer.status === 404 && session !== undefined) {
          session = undefined;
          tally.reopened++;
          continue;
        }
        if (answer.status !== 200) fail(`call ${answer.status} ${reasonOf(answer.body)}`);
        else if (resultOf(answer) === undefined) fail('call without a result');
        else tally.calls++;
      }
    } catch (error) {
      fail(codeOf(error));
    }
    await sleep(options.pause);
  }
  if (session !== undefined)
    await send(route, 'DELETE', options.url, { 'mcp-session-id': session }).catch(() => undefined);
  route.agent.destroy();
  return tally;
}

async function open(
  post: (message: { headers: Record<string, string>; body: string }) => Promise<Answer>,
  fail: (what: string) => void,
): Promise<string | undefined> {
  const opened = await post(initializeMessage());
  const session = opened.headers['mcp-session-id'];
  if (opened.status !== 200 || typeof session !== 'string') {
    fail(`initialize ${opened.status}`);
    return undefined;
  }
  const confirmed = await post(legacyMessage('notifications/initialized', {}, undefined, session));
  // A session may be lost here as anywhere else; the next call finds out.
  if (confirmed.status !== 202 && confirmed.status !== 404) fail(`initialized ${confirmed.status}`);
  return session;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.name;
}

/** The sum over many clients. */
export function sum(tallies: readonly Tally[]): Tally {
  const total: Tally = { calls: 0, reopened: 0, failures: {} };
  for (const one of tallies) {
    total.calls += one.calls;
    total.reopened += one.reopened;
    for (const [what, count] of Object.entries(one.failures)) {
      total.failures[what] = (total.failures[what] ?? 0) + count;
    }
  }
  return total;
}
