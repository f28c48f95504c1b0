import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** Begins to connect to the host and port of an address; what is written before it stands goes out then. */
export function dial({ hostname, port, protocol }: URL, tls: ConnectionOptions = {}): Socket {
  const host = hostname.replace(/^\[|\]$/g, '');
  const secure = protocol === 'https:';
  const address = { host, port: Number(port) || (secure ? 443 : 80), noDelay: true };
  if (!secure) return connect(address);
  // Server names are names only (RFC 6066, 3).
  return connectTls({ ...(isIP(host) === 0 && { servername: host }), ...address, ...tls });
}
