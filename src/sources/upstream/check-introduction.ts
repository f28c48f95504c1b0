import type { Introduction } from '../bridge/raw-session.ts';

/** It goes into a header of every later request. */
const FIT_FOR_HEADER = /^[!-~]{1,64}$/;
/** Characters of what the upstream sent that people are shown. */
const SHOWN = 200;

/** The result of `initialize`, or what is wrong with it (MCP 2025-11-25, lifecycle). */
export function checkIntroduction(result: Readonly<Record<string, unknown>>): Introduction | string {
  const { protocolVersion, serverInfo, capabilities } = result;
  const { name, version } = (serverInfo ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof protocolVersion !== 'string' || !FIT_FOR_HEADER.test(protocolVersion)) {
    return wrong('protocolVersion', 'a version such as 2025-11-25', protocolVersion);
  }
  if (typeof name !== 'string' || typeof version !== 'string') {
    return wrong('serverInfo', 'an object with name and version', serverInfo);
  }
  if (typeof capabilities !== 'object' || capabilities === null || Array.isArray(capabilities)) {
    return wrong('capabilities', 'an object', capabilities);
  }
  return result as unknown as Introduction;
}

function wrong(field: string, expected: string, found: unknown): string {
  const text = JSON.stringify(found) ?? 'nothing';
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return `answered initialize with a ${field} that is not ${expected}. Got ${shown}. Check that --upstream names its MCP endpoint, and mend the server there if it does.`;
}
