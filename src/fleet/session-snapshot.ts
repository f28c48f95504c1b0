/**
 * All that has to be known of a session to serve it: plain JSON, so that it can be kept, moved and woken elsewhere.
 * The event log travels beside it.
 */
export interface SessionRecord {
  readonly id: string;
  /** Rises with every move; a copy with a lower one is out of date. */
  epoch: number;
  /** What `initialize` agreed on; empty until it is answered. */
  protocolVersion: string;
  /** The areas (`tools`, `prompts`, `resources`) whose lists the server said it announces changes of. */
  announces: readonly string[];
  /** The client's own `initialize` params, to be replayed when the server object is built again. */
  readonly initialize: Readonly<Record<string, unknown>>;
  /** Who the session belongs to, where requests are authenticated. */
  readonly subject: string | undefined;
  logLevel: string | undefined;
  subscriptions: readonly string[];
  /** `session.state` of the module: at most 16 KiB of JSON. */
  state: Record<string, unknown>;
  /** Milliseconds since 1970, so that it means the same on every pod. */
  readonly openedAt: number;
}

/** One event as it went out: which stream of the session it belongs to, and its JSON. */
export interface LoggedEvent {
  readonly sequence: number;
  readonly stream: number;
  readonly data: string;
}

/** An event log as plain JSON. */
export interface LogSnapshot {
  /** Of the newest event, whether it is still there or not. */
  readonly sequence: number;
  /** Of the newest event that was trimmed. */
  readonly trimmedTo: number;
  /** The newest stream of a POST. */
  readonly lastStream: number;
  /** Whether the standalone stream ever had a reader. */
  readonly listened: boolean;
  readonly events: readonly LoggedEvent[];
}

/** A session as it moves from pod to pod, or rests in a store. */
export interface SessionSnapshot {
  readonly record: SessionRecord;
  readonly log: LogSnapshot;
}

/**
 * What came from elsewhere as a snapshot; `undefined` when it is none. One that passes can be served, moved and kept:
 * everything that is read of it later is there. Fields that this version does not know go along.
 */
export function readSnapshot(value: unknown): SessionSnapshot | undefined {
  return isObject(value) && isRecord(value['record']) && isLog(value['log'])
    ? (value as unknown as SessionSnapshot)
    : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, epoch, protocolVersion, announces, initialize, subject, logLevel, subscriptions, state, openedAt } =
    value;
  return (
    typeof id === 'string' &&
    isCount(epoch) &&
    typeof protocolVersion === 'string' &&
    isTexts(announces) &&
    isObject(initialize) &&
    isTextOrNone(subject) &&
    isTextOrNone(logLevel) &&
    isTexts(subscriptions) &&
    isObject(state) &&
    Number.isFinite(openedAt)
  );
}

function isLog(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { sequence, trimmedTo, lastStream, listened, events } = value;
  return (
    isCount(sequence) &&
    isCount(trimmedTo) &&
    isCount(lastStream) &&
    typeof listened === 'boolean' &&
    Array.isArray(events) &&
    areEvents(events, sequence)
  );
}

/** Oldest first, none newer than the log says: what is missed, trimmed and written is told by their sequences. */
function areEvents(events: readonly unknown[], newest: number): boolean {
  let before = 0;
  for (const event of events) {
    if (!isObject(event) || typeof event['data'] !== 'string' || !isCount(event['stream'])) return false;
    const { sequence } = event;
    if (!isCount(sequence) || sequence <= before || sequence > newest) return false;
    before = sequence;
  }
  return true;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
