import { isId } from '../protocol/json-rpc.ts';

type Envelope = Readonly<Record<string, unknown>>;

const MOST = 1_000;
const MOST_CHARACTERS = 2_000;

/** Envelopes that were found right before: a client sends the same one with each request, but for its progress token. */
export class KnownEnvelopes {
  readonly #texts = new Set<string>();

  has(envelope: Envelope): boolean {
    const text = textOf(envelope);
    return text !== undefined && this.#texts.has(text);
  }

  /** Remembers one that is right. */
  add(envelope: Envelope): void {
    const text = textOf(envelope);
    if (text === undefined || text.length > MOST_CHARACTERS) return;
    // Those that are in use come again.
    if (this.#texts.size >= MOST) this.#texts.clear();
    this.#texts.add(text);
  }
}

/** Without what differs with each request: the token, and the W3C's trace context, which is anybody's own affair. */
function textOf({ progressToken, traceparent, tracestate, baggage, ...envelope }: Envelope): string | undefined {
  return progressToken === undefined || isId(progressToken) ? JSON.stringify(envelope) : undefined;
}
