import type { IncomingMessage } from 'node:http';

/**
 * Where an answer sends a request for `path`, if that is to be followed: only to the same origin, and only as the same
 * request (RFC 9110 §15.4.8, §15.4.9).
 */
export function redirectedPath(answer: IncomingMessage, path: string, { href, origin }: URL): string | undefined {
  const { location } = answer.headers;
  if ((answer.statusCode !== 307 && answer.statusCode !== 308) || location === undefined) return undefined;
  // Relative to what was asked, which need not be the address that was configured.
  const target = URL.parse(location, new URL(path, href).href);
  if (target?.origin !== origin) return undefined;
  const there = target.pathname + target.search;
  return there === path ? undefined : there;
}

/** Whether all other requests go there at once: 307 is about one request, but some frameworks send `/mcp` to `/mcp/` so. */
export function staysRedirected({ statusCode }: IncomingMessage, path: string, target: string): boolean {
  return statusCode === 308 || withoutSlash(path) === withoutSlash(target);
}

function withoutSlash(path: string): string {
  return path.replace(/\/(?=\?|$)/, '');
}
