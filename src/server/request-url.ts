import type { IncomingMessage } from 'node:http';

/** A name or an address, perhaps with a port. Where every host is allowed, a Host header may be anything. */
const HOST = /^[\w.:[\]-]+$/;

/**
 * The URL that was asked for, as handlers see it: of the host that was checked, and of `localhost` where the Host header is
 * none. A target in absolute form (RFC 9112 §3.2.2) gives its path alone: nobody has checked its host.
 */
export function urlOf({ url = '/', headers: { host = '' } }: IncomingMessage): URL {
  const path = url.startsWith('/') ? url : pathIn(url);
  return (HOST.test(host) ? URL.parse(`http://${host}${path}`) : null) ?? new URL(`http://localhost${path}`);
}

function pathIn(target: string): string {
  const { pathname = '', search = '' } = URL.parse(target) ?? {};
  return pathname.startsWith('/') ? pathname + search : '/';
}
