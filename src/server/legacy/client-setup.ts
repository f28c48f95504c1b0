import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';

const MAX_SUBSCRIPTIONS = 1_000;
const MAX_URI_LENGTH = 2_048;

/** What client and server agreed on and what the client asked for since, kept in the record so that it can be set up again. */
export class ClientSetup {
  readonly #record: SessionRecord;

  constructor(record: SessionRecord) {
    this.#record = record;
  }

  /** Takes note of a request that was answered with success. */
  remember({ method, params }: JsonRpcRequest, result: Readonly<Record<string, unknown>>): void {
    const record = this.#record;
    if (method === 'initialize') {
      const version = result['protocolVersion'];
      if (typeof version === 'string') record.protocolVersion = version;
      record.announces = announcedBy(result['capabilities']);
    } else if (method === 'logging/setLevel') {
      const level = params?.['level'];
      if (typeof level === 'string') record.logLevel = level;
    } else if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
      const uri = params?.['uri'];
      if (typeof uri !== 'string') return;
      const others = record.subscriptions.filter((other) => other !== uri);
      record.subscriptions = method === 'resources/subscribe' ? [...others, uri] : others;
    }
  }

  /** Why a request can not be granted: what it asks for would have to be remembered, and that is bounded. */
  refusal({ method, params }: JsonRpcRequest): string | undefined {
    if (method !== 'resources/subscribe') return undefined;
    if (this.#record.subscriptions.length >= MAX_SUBSCRIPTIONS) {
      return `Too many subscriptions: a session may have ${MAX_SUBSCRIPTIONS}.`;
    }
    const uri = params?.['uri'];
    // What is no text is for the server to refuse.
    const long = typeof uri === 'string' && uri.length > MAX_URI_LENGTH;
    return long ? `A URI may have ${MAX_URI_LENGTH} characters.` : undefined;
  }
}

/** Whether a session's client is to be told: the server said that it would, and a resource's client asked for it. */
export function wants(record: SessionRecord, method: string, uri: string | undefined): boolean {
  if (uri !== undefined) return record.subscriptions.includes(uri);
  const [, area = '', event] = method.split('/');
  return event === 'list_changed' && record.announces.includes(area);
}

function announcedBy(capabilities: unknown): string[] {
  const areas = (capabilities ?? {}) as Readonly<Record<string, { readonly listChanged?: boolean } | undefined>>;
  return Object.keys(areas).filter((area) => areas[area]?.listChanged === true);
}
