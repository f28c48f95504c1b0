import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { forgetsSession, MAX_FAILURE_BODY } from './failures.ts';
import { kindOf, readBeginning } from './read-answer.ts';
import { readEvents, startOfStream } from './read-events.ts';
import type { UpstreamLink } from './upstream-link.ts';

export interface StandaloneStreamOptions {
  readonly link: UpstreamLink;
  readonly maxMessage: number;
  deliver(message: JsonRpcMessage): Promise<void> | undefined;
  unreadable(): void;
  /** The upstream does not know the session any more. */
  forgotten(): void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const LEAST_BACKOFF_MS = 500;
const MOST_BACKOFF_MS = 30_000;
/** Worth another try: a token that is renewed, a stream that is still open there, a server that is overloaded. */
const TRANSIENT = new Set([401, 408, 409, 425, 429]);

type Outcome = 'read' | 'failed' | 'none' | 'forgotten';

/** Keeps the stream open on which the upstream says what belongs to no request, if it has one. Never rejects. */
export async function keepStandaloneStream(options: StandaloneStreamOptions): Promise<void> {
  const { link, signal } = options;
  const position = startOfStream();
  let opened = false;
  let failures = 0;
  while (!signal.aborted) {
    const outcome = await attempt();
    if (outcome === 'none') return;
    if (outcome === 'forgotten') return options.forgotten();
    failures = outcome === 'read' ? 0 : failures + 1;
    const backoff = Math.min(MOST_BACKOFF_MS, LEAST_BACKOFF_MS * 2 ** failures);
    // Half of it left to chance, so that sessions which lost their streams together do not all come back together.
    const wait = failures === 0 ? position.retry : backoff * (0.5 + Math.random() / 2);
    await sleep(wait, undefined, { signal }).catch(() => {});
  }

  async function attempt(): Promise<Outcome> {
    let read = false;
    try {
      const answer = await link.listen(position.lastEventId, signal);
      if (answer.statusCode !== 200) return await judge(answer);
      if (kindOf(answer) !== 'events') {
        answer.destroy();
        return 'none';
      }
      opened = true;
      answer.once('data', () => {
        read = true;
      });
      await readEvents(answer, { ...options, position });
      // A stream that ends at once, again and again, is no better than one that does not come about.
      return read ? 'read' : 'failed';
    } catch {
      return read ? 'read' : 'failed';
    }
  }

  async function judge(answer: IncomingMessage): Promise<Outcome> {
    const status = answer.statusCode ?? 0;
    const body = await readBeginning(answer, MAX_FAILURE_BODY);
    // Where there never was a stream, 404 may just as well say that there is none.
    const known = opened || body.includes('-32001');
    if (known && link.sessionId !== undefined && forgetsSession(answer, body)) return 'forgotten';
    if (status >= 500 || TRANSIENT.has(status)) return 'failed';
    if (position.lastEventId === undefined) return 'none';
    // It may be the event that is not known any more.
    position.lastEventId = undefined;
    return 'failed';
  }
}
