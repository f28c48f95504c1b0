import { outcomeOf } from '../src/load/answer.ts';
import { JSON_FIELDS } from '../src/load/clients/client.ts';
import type { HttpConnection } from '../src/load/http-connection.ts';
import { describeOutcome, RequestFailed } from '../src/load/outcome.ts';
import { type Call, type Fields, Ids, RequestEncoder } from '../src/load/requests.ts';

const ID = 1_000_000_000;
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };

/**
 * Opens a legacy session over a connection that may serve others too; resolves with the header fields of its requests, and
 * rejects with a RequestFailed or a ConnectionError.
 */
export async function openSession(connection: HttpConnection, url: URL): Promise<Fields> {
  const encoder = new RequestEncoder(url);
  const initialize = encoder.call(url.pathname, { method: 'initialize', params }, JSON_FIELDS);
  const answer = await connection.send(initialize.withId(ID), ID);
  const outcome = outcomeOf(answer, ID);
  if (outcome.kind !== 'result') throw new RequestFailed('initialize', outcome);
  const session = { 'Mcp-Session-Id': /\r\nmcp-session-id: (\S+)/i.exec(answer.head)?.[1] ?? '' };
  await connection.send(
    encoder.notification(url.pathname, 'notifications/initialized', { ...JSON_FIELDS, ...session }),
  );
  return session;
}

/** A call of a session over a connection, to be made again and again; rejects with what was no result. */
export function sessionCall(connection: HttpConnection, url: URL, session: Fields, call: Call): () => Promise<void> {
  const request = new RequestEncoder(url).call(url.pathname, call, { ...JSON_FIELDS, ...session });
  const ids = new Ids();
  return async () => {
    const id = ids.next();
    const outcome = outcomeOf(await connection.send(request.withId(id), id), id);
    if (outcome.kind !== 'result') throw new Error(`${call.method} was answered with ${describeOutcome(outcome)}.`);
  };
}
