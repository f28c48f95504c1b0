import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What concerns one connection only (RFC 9110 §7.6.1), and what pods of berth say among each other. */
const HOP_BY_HOP = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|x-berth-.*)$/;

/**
 * What berth says itself towards the upstream, as it does with `X-Forwarded-…` in place of `Forwarded`, or has dealt with at
 * its own edge, as it does with the Origin.
 */
const OWN_REQUEST = /^(?:host|content-length|content-encoding|origin|forwarded|mcp-session-id|last-event-id)$/;

/** What the legacy era says anew with each request, and the modern era only passes on. */
const LEGACY_REQUEST = /^(?:accept|accept-encoding|content-type|mcp-.*)$/;

/** What berth says itself towards the client. */
const OWN_ANSWER = /^(?:mcp-session-id|access-control-.*)$/;

/** The headers of a legacy-era client's message that its upstream gets too; `address` is where it came from. */
export function legacyRequestHeaders(headers: Headers, address: string | undefined): OutgoingHttpHeaders {
  const goesOn = (name: string) => !OWN_REQUEST.test(name) && !LEGACY_REQUEST.test(name);
  return passed(headers, goesOn, forwarded(headers, address));
}

/** The headers of a modern-era request that its upstream gets too; `address` is where it came from. */
export function modernRequestHeaders(headers: IncomingHttpHeaders, address: string | undefined): OutgoingHttpHeaders {
  return passed(headers, (name) => !OWN_REQUEST.test(name), forwarded(headers, address));
}

/** The headers of an upstream's answer that its client gets too. */
export function answerHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return passed(headers, (name) => !OWN_ANSWER.test(name), {});
}

/** Host and scheme as the client saw them, where a proxy before this one knows better; the address is what berth saw. */
function forwarded(headers: Headers, address: string | undefined): OutgoingHttpHeaders {
  const host = headers['x-forwarded-host'] ?? headers['host'];
  return {
    ...(host !== undefined && {
      'x-forwarded-host': host,
      'x-forwarded-proto': headers['x-forwarded-proto'] ?? 'http',
    }),
    ...(address !== undefined && {
      'x-forwarded-for': [headers['x-forwarded-for'], address].flat().filter(Boolean).join(', '),
    }),
  };
}

function passed(headers: Headers, goesOn: (name: string) => boolean, more: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const named = String(headers['connection'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const kept = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !HOP_BY_HOP.test(name) && !named.includes(name) && goesOn(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}
