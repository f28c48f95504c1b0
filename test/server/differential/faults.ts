import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import { partsOf, type SentRequest, VERSIONS } from './script.ts';

/** The HTTP statuses that a request deserves, one for each thing that is wrong with it. */
export function faultsOf(sent: SentRequest): ReadonlySet<number> {
  const { method, headers } = sent;
  const {
    accept = '',
    'content-type': type = '',
    'mcp-session-id': session,
    'mcp-protocol-version': version,
  } = headers;
  const faults = new Set<number>();
  const wanted = method === 'POST' ? ['application/json', 'text/event-stream'] : ['text/event-stream'];
  if (method !== 'DELETE' && !wanted.every((one) => accept.includes(one))) faults.add(406);
  if (method === 'POST' && !/^application\/json(;[^,]*)?$/i.test(type)) faults.add(415);
  if (!['identity', undefined].includes(headers['content-encoding'])) faults.add(415);
  if (method === 'POST' && !wellFormed(sent)) faults.add(400);
  if (session === undefined) faults.add(400);
  else if (!session.startsWith('$')) faults.add(404);
  if (version !== undefined && ![...VERSIONS, '2024-10-07'].includes(version)) faults.add(400);
  return faults;
}

function wellFormed(sent: SentRequest): boolean {
  const parts = partsOf(sent);
  return parts.length > 0 && parts.every((part) => JSONRPCMessageSchema.safeParse(part).success);
}
