import { isIP } from 'node:net';

/** Where a Redis or Valkey server listens, and as whom to speak to it. */
export interface StoreAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: { readonly servername?: string };
  /** The URL without its password, for logs. */
  readonly shown: string;
}

const SHAPE = 'redis://[user[:password]@]host[:port][/database], or rediss:// for TLS';

/** Reads a store's URL; its errors never show the URL, since there may be a password in it. */
export function parseStoreUrl(text: string): StoreAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    throw new Error(
      `The session store's URL must be ${SHAPE}. Got something that is no URL; percent-encode special characters.`,
    );
  }
  const { protocol, pathname } = url;
  const wrong = (found: string) => new Error(`The session store's URL must be ${SHAPE}. Got ${found}.`);
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw wrong(`the scheme ${protocol}//`);
  if (url.hostname === '') throw wrong('no host');
  if (url.search !== '' || url.hash !== '') {
    throw wrong('a "?" or "#"; percent-encode it if it belongs to the password');
  }
  if (!/^(\/\d*)?$/.test(pathname)) throw wrong(`the path ${pathname}, which is no database number`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || 6379);
  const db = Number(pathname.slice(1));
  return {
    host,
    port,
    db,
    ...(url.username === '' ? {} : { username: decoded(url.username) }),
    ...(url.password === '' ? {} : { password: decoded(url.password) }),
    // Server name indication knows no addresses.
    ...(protocol === 'redis:' ? {} : { tls: isIP(host) ? {} : { servername: host } }),
    shown: `${protocol}//${url.hostname}:${port}/${db}`,
  };
}

/** A lone `%` stands for itself: many passwords have one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
