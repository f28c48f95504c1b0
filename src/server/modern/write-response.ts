import type { ServerResponse } from 'node:http';
import { answerEmpty, answerText } from '../answers.ts';
import { EventStream, type EventStreamOptions } from '../event-stream.ts';

/** Writes a web response as the answer; resolves when it is complete and its reader has nearly caught up, or is gone. */
export async function writeResponse(
  response: Response,
  res: ServerResponse,
  streamOptions: EventStreamOptions,
): Promise<void> {
  if (res.destroyed) return void (await response.body?.cancel());
  if (response.body === null || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const headers = Object.fromEntries(response.headers);
    if (response.body === null) return answerEmpty(res, response.status, headers);
    return await answerText(res, response.status, await response.text(), headers);
  }
  const stream = new EventStream(res, streamOptions);
  // Read as fast as it is made: what the SDK's stream holds back is not bounded, what ours holds back is.
  let taken: Promise<void> | undefined;
  for await (const chunk of response.body) taken = stream.raw(chunk);
  stream.end();
  await taken;
}
