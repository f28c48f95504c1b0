import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CertificateVerdict } from './client-certificate.ts';
import { type Identity, identityIn, type RequestHeaderConfig } from './request-header.ts';
import { unauthorized } from './status.ts';

export interface AuthenticatorOptions {
  readonly certificates: { check(socket: TLSSocket): CertificateVerdict };
  /** `undefined` until it is known: then nobody is believed. */
  requestHeader(): RequestHeaderConfig | undefined;
  /** Told why a caller is not believed. */
  refused(why: string): void;
}

/** Finds out who asks; throws a `StatusError` 401. */
export type Authenticate = (req: IncomingMessage) => Identity;

/**
 * Believes the API server's aggregator, by its client certificate, and what its headers say of who asks through it.
 * Nobody else: tokens are not looked at.
 */
export function createAuthenticator({ certificates, requestHeader, refused }: AuthenticatorOptions): Authenticate {
  const reject = (why: string, message?: string) => {
    refused(why);
    return unauthorized(message);
  };
  return function authenticate({ socket, rawHeaders, headers }) {
    const config = requestHeader();
    if (config === undefined) throw reject('the request-header configuration is not known yet');
    const verdict: CertificateVerdict =
      socket instanceof TLSSocket ? certificates.check(socket) : { refused: 'no TLS connection' };
    if ('refused' in verdict) {
      throw reject(verdict.refused, headers.authorization === undefined ? undefined : NO_TOKENS);
    }
    // Certificates of the same CA may be meant for others.
    if (config.allowedNames.length > 0 && !config.allowedNames.includes(verdict.commonName)) {
      throw reject(`the common name ${JSON.stringify(verdict.commonName)} is not an allowed one`);
    }
    const identity = identityIn(rawHeaders, config);
    if (identity === undefined) throw reject('the headers name no user');
    return identity;
  };
}

const NO_TOKENS = 'Unauthorized: tokens are not accepted here, ask through the API server';
