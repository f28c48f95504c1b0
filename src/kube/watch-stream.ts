import { errorOfEvent, KubeError } from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import { Lines } from './lines.ts';

/** What a watch tells: a change of one object, or that there was none up to a resource version. */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** An object in etcd has at most 1.5 MB; escaped as JSON within JSON it may take several times that. */
const LONGEST_LINE = 16 * 1024 ** 2;

/**
 * Reads the events of a watch, one JSON object a line. Throws a `KubeError`: that of an `ERROR` event, or `Garbled` for a
 * line that is no event. `attempt` is what was asked for.
 */
export async function* watchEvents<T extends KubeObject>(
  body: AsyncIterable<Buffer>,
  attempt: string,
): AsyncGenerator<WatchEvent<T>> {
  const lines = new Lines(LONGEST_LINE);
  for await (const chunk of body) {
    // Not within the generator's own steps: what the reader of an event throws is not ours to translate.
    for (const line of linesIn(lines, chunk, attempt)) if (line !== '') yield readEvent<T>(line, attempt);
  }
  const rest = lines.rest();
  if (rest !== '') yield readEvent<T>(rest, attempt);
}

function linesIn(lines: Lines, chunk: Buffer, attempt: string): string[] {
  try {
    return [...lines.push(chunk)];
  } catch (error) {
    throw garbled(attempt, String(error), error);
  }
}

function readEvent<T extends KubeObject>(line: string, attempt: string): WatchEvent<T> {
  const { type, object } = parseLine(line, attempt);
  if (type === 'ERROR') throw errorOfEvent(attempt, object);
  const metadata = (object as Partial<KubeObject> | null | undefined)?.metadata;
  if (type === 'BOOKMARK' && metadata?.resourceVersion) return { type, resourceVersion: metadata.resourceVersion };
  if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && metadata?.name && metadata.resourceVersion) {
    return { type, object: object as T };
  }
  throw garbled(attempt, `found no event in ${line.slice(0, 100)}`);
}

function parseLine(line: string, attempt: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch (error) {
    throw garbled(attempt, `found no JSON in ${line.slice(0, 100)}`, error);
  }
}

function garbled(attempt: string, found: string, cause?: unknown): KubeError {
  return new KubeError(`${attempt}: ${found}`, { status: 0, reason: 'Garbled', cause });
}
