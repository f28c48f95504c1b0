import { readCertificates } from '../certificates/pem.ts';

/** How the API server's aggregator shows who it is, and who asks through it. Header names are in lower case. */
export interface RequestHeaderConfig {
  /** PEM; whose clients may speak for others. */
  readonly ca: string;
  /** Common names of the clients that may; none for all of the CA's. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
  readonly uidHeaders: readonly string[];
}

/** Who asks, as the API server has found out. */
export interface Identity {
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const CONFIG_MAP = 'ConfigMap kube-system/extension-apiserver-authentication';
const PREFIX = 'requestheader-';

/** A ConfigMap without which nobody can be believed. */
export class RequestHeaderError extends Error {
  override readonly name = 'RequestHeaderError';
}

/** Reads the data of `kube-system/extension-apiserver-authentication`; throws a `RequestHeaderError`. */
export function parseRequestHeaderConfig(data: Readonly<Record<string, string>>): RequestHeaderConfig {
  const headers = (key: string) => listIn(data, key).map((name) => name.trim().toLowerCase());
  const pem = data[`${PREFIX}client-ca-file`] ?? '';
  const ca = readCertificates(pem).map(String).join('');
  if (ca === '') throw new RequestHeaderError(`${CONFIG_MAP} has no certificate in ${PREFIX}client-ca-file`);
  const usernameHeaders = headers('username-headers');
  if (usernameHeaders.length === 0) throw new RequestHeaderError(`${CONFIG_MAP} has no ${PREFIX}username-headers`);
  return {
    ca,
    allowedNames: listIn(data, 'allowed-names'),
    usernameHeaders,
    groupHeaders: headers('group-headers'),
    extraPrefixes: headers('extra-headers-prefix'),
    uidHeaders: headers('uid-headers'),
  };
}

/** Each list is JSON in a string; a missing one is empty, and Go writes an empty one as `null`. */
function listIn(data: Readonly<Record<string, string>>, key: string): readonly string[] {
  const text = data[`${PREFIX}${key}`] || 'null';
  const list = parseJson(text) ?? [];
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw new RequestHeaderError(
    `${CONFIG_MAP}: ${PREFIX}${key} must be a JSON list of strings. Got ${text.slice(0, 80)}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not a list either.
    return text;
  }
}

/**
 * Who asks, from the headers as they came, name and value in turn; `undefined` when they name nobody. Only to be called
 * for a connection of the aggregator.
 */
export function identityIn(rawHeaders: readonly string[], config: RequestHeaderConfig): Identity | undefined {
  const headers = pairsOf(rawHeaders);
  const valuesOf = (names: readonly string[]) =>
    names.flatMap((name) =>
      headers.filter((header) => header.name === name && header.value !== '').map(({ value }) => value),
    );
  const [user] = valuesOf(config.usernameHeaders);
  if (user === undefined) return undefined;
  const [uid] = valuesOf(config.uidHeaders);
  const extra = new Map<string, string[]>();
  for (const prefix of config.extraPrefixes) {
    for (const { name, value } of headers.filter((header) => header.name.startsWith(prefix))) {
      const key = decodeKey(name.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), value]);
    }
  }
  return {
    user,
    ...(uid === undefined ? {} : { uid }),
    groups: withAuthenticated(user, valuesOf(config.groupHeaders)),
    extra: Object.fromEntries(extra),
  };
}

const AUTHENTICATED = 'system:authenticated';

/** The aggregator's own discovery comes without groups. Who asked it without a name stays without this one. */
function withAuthenticated(user: string, groups: readonly string[]): readonly string[] {
  if (user === 'system:anonymous' || groups.includes(AUTHENTICATED) || groups.includes('system:unauthenticated')) {
    return groups;
  }
  return [...groups, AUTHENTICATED];
}

function pairsOf(rawHeaders: readonly string[]) {
  const pairs: { readonly name: string; readonly value: string }[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    // Node reads bytes as Latin-1, the API server writes UTF-8.
    pairs.push({ name: name.toLowerCase(), value: Buffer.from(value, 'latin1').toString('utf8') });
  }
  return pairs;
}

function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // As Go servers do: better an odd key than none.
    return key;
  }
}
