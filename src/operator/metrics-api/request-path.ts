import { badRequest } from './status.ts';

/** A request's target, decoded. */
export interface RequestPath {
  /** Without the empty ones at both ends. */
  readonly segments: readonly string[];
  /** Of a parameter that is there twice, the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads what stands in the request line; throws a `StatusError` 400 for what is no path or is badly encoded. */
export function readPath(target: string): RequestPath {
  if (!target.startsWith('/')) throw badRequest(`the request target must be a path. Got ${JSON.stringify(target)}`);
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  const segments = withoutEmptyEnds(path.split('/')).map(decode);
  // Kubernetes splits after decoding. What the API server authorised would be another path than ours.
  if (segments.some((segment) => segment.includes('/'))) throw badRequest('a path segment must not contain "/"');
  return { segments, parameters: query === -1 ? new Map() : readQuery(target.slice(query + 1)) };
}

function withoutEmptyEnds(segments: readonly string[]): readonly string[] {
  const isFilled = (segment: string) => segment !== '';
  return segments.slice(segments.findIndex(isFilled), segments.findLastIndex(isFilled) + 1);
}

/** Stricter than URLSearchParams, which would read a selector with a bad escape as another one. */
function readQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', ...value] = part.replaceAll('+', ' ').split('=');
    const key = decode(name);
    if (!parameters.has(key)) parameters.set(key, decode(value.join('=')));
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`invalid percent-encoding: ${JSON.stringify(text)}`);
  }
}
