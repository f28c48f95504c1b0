import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import berth from '../../../package.json' with { type: 'json' };

/** The version of the modern era that berth asks for in its own name. */
export const MODERN_VERSION = '2026-07-28';

/** The question that every server of the modern era answers, from berth itself (MCP 2026-07-28, discovery). */
export const DISCOVER = {
  method: 'server/discover',
  params: {
    _meta: {
      [PROTOCOL_VERSION_META_KEY]: MODERN_VERSION,
      [CLIENT_INFO_META_KEY]: { name: 'berth', version: berth.version },
      [CLIENT_CAPABILITIES_META_KEY]: {},
    },
  },
} as const;
