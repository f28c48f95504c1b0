import type { IncomingMessage, ServerResponse } from 'node:http';
import { ErrorCode } from '../protocol/json-rpc.ts';
import { answerError } from './answers.ts';

export interface HostCheckOptions {
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

/**
 * Turns away what a web page on another site could send to a server that trusts its network: a foreign `Host` (DNS
 * rebinding) or a foreign `Origin` gets 403 that names the flag (MCP 2025-11-25, Streamable HTTP, security warning).
 * Names are matched without port and case; an entry may be `*`, `*.example.org`, or for origins a full origin.
 */
export function createHostCheck({ allowedHosts, allowedOrigins }: HostCheckOptions) {
  const hostAllowed = createMatcher(allowedHosts);
  const originAllowed = createMatcher(allowedOrigins);

  return function checkHost(req: IncomingMessage, res: ServerResponse): boolean {
    const { host, origin } = req.headers;
    if (!hostAllowed(hostNameOf(host ?? ''))) {
      forbid(res, `Host "${host ?? ''}" is not allowed. Add it to --allowed-hosts to serve it.`);
      return false;
    }
    if (origin === undefined) return true;
    if (!originAllowed(origin.toLowerCase()) && !originAllowed(hostNameOfOrigin(origin))) {
      forbid(res, `Origin "${origin}" is not allowed. Add it to --allowed-origins to serve it.`);
      return false;
    }
    // Set before anything answers, so that a browser can read errors as well.
    res.setHeader('access-control-allow-origin', origin);
    res.setHeader('access-control-expose-headers', 'mcp-session-id, retry-after');
    res.setHeader('vary', 'origin');
    return true;
  };
}

function createMatcher(entries: readonly string[]): (name: string) => boolean {
  const lower = entries.map((entry) => entry.toLowerCase());
  const exact = new Set(lower.filter((entry) => !entry.startsWith('*')));
  const suffixes = lower.filter((entry) => entry.startsWith('*.')).map((entry) => entry.slice(1));
  const any = lower.includes('*');
  return (name) => any || exact.has(name) || suffixes.some((suffix) => name.endsWith(suffix));
}

function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

function hostNameOfOrigin(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : '';
}

function forbid(res: ServerResponse, message: string): void {
  answerError(res, 403, { code: ErrorCode.server, message });
}
