import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Whether a connection's client certificate is good now: its common name, or why it is not. */
export type CertificateVerdict = { readonly commonName: string } | { readonly refused: string };

/** Handshakes are verified with the clock of their time, and a CA expires as well. */
const LONGEST_STAY_MS = 3_600_000;

interface Secured {
  readonly ca: symbol;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * What the handshake found out about clients, for as long as it holds. OpenSSL verifies the whole path, for the purpose
 * of a TLS client, against the CA that was in force when the connection was accepted. Connections from before a change of
 * the CA count no more.
 */
export class ClientCertificates {
  /** By the client's address: those that shake hands. A TLS socket does not tell which accepted one it came from. */
  readonly #accepted = new Map<string, symbol>();
  readonly #secured = new WeakMap<Socket, Secured>();
  readonly #clock: () => number;
  /** The CA in force, told from all before. */
  #ca = Symbol();

  /** `clock` answers milliseconds since the epoch. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** From now on the server verifies with another CA. */
  changeCa(): void {
    this.#ca = Symbol();
  }

  /** Takes note of a connection before its handshake. */
  accepted(socket: Socket): void {
    const address = addressOf(socket);
    this.#accepted.set(address, this.#ca);
    socket.once('close', () => this.#accepted.delete(address));
  }

  /** Takes note of a connection after its handshake. */
  secured(socket: TLSSocket): void {
    const address = addressOf(socket);
    const ca = this.#accepted.get(address);
    this.#accepted.delete(address);
    if (ca !== undefined) this.#secured.set(socket, { ca, at: this.#clock() });
  }

  /** Whether a connection is good for a further request. */
  mayStay(socket: Socket): boolean {
    const secured = this.#secured.get(socket);
    return secured?.ca === this.#ca && this.#clock() - secured.at < LONGEST_STAY_MS;
  }

  /** Looks at the certificate of a connection; to be asked for each request, for it may have expired. */
  check(socket: TLSSocket): CertificateVerdict {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return { refused: 'no client certificate' };
    if (this.#secured.get(socket)?.ca !== this.#ca) return { refused: 'verified with a former CA' };
    if (!socket.authorized) return { refused: `${socket.authorizationError}` };
    const now = this.#clock();
    if (now < certificate.validFromDate.getTime() || now > certificate.validToDate.getTime()) {
      return { refused: 'CERT_HAS_EXPIRED' };
    }
    const commonName = commonNameOf(certificate);
    return commonName === undefined ? { refused: 'no common name, or several' } : { commonName };
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Not from the text of the subject, in which a value may look like another field. */
function commonNameOf(certificate: X509Certificate): string | undefined {
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}
