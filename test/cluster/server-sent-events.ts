import type { Readable } from 'node:stream';

/** One event of a stream, or the time to wait that came alone. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly data?: string;
  /** Milliseconds. */
  readonly retry?: number;
}

/** The events of a stream as they come; ends or throws with the stream. One that is cut short is no event. */
export async function* serverSentEvents(stream: Readable): AsyncGenerator<ServerSentEvent, undefined> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    const frames = (rest + chunk).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) yield read(frame);
  }
}

function read(frame: string): ServerSentEvent {
  const fields = new Map<string, string>();
  for (const line of frame.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    fields.set(name, value);
  }
  const [id, data, retry] = ['id', 'data', 'retry'].map((name) => fields.get(name));
  return {
    ...(id !== undefined && { id }),
    ...(data !== undefined && { data }),
    ...(retry !== undefined && { retry: Number(retry) }),
  };
}
