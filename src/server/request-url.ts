import type { IncomingMessage } from 'node:http';

const SOMEWHERE = 'http://localhost/mcp';
/** A name or an address, perhaps with a port. Where every host is allowed, a Host header may be anything. */
const HOST = /^[\w.:[\]-]+$/;

/** The URL that was asked for, as handlers see it: without credentials, and of `localhost` where the Host header is no host. */
export function urlOf({ url = '/', headers: { host = '' } }: IncomingMessage): URL {
  const target = url.startsWith('/') && HOST.test(host) ? `http://${host}${url}` : url;
  const asked = URL.parse(target) ?? URL.parse(url, SOMEWHERE) ?? new URL(SOMEWHERE);
  if (asked.username !== '' || asked.password !== '') {
    // A web request can not be made with them.
    asked.username = '';
    asked.password = '';
  }
  return asked;
}
