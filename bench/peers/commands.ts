import { fileURLToPath } from 'node:url';
import { PYTHON } from '../../test/third-party/python/python.ts';
import { installNpmPackages, installPythonPackages } from './install.ts';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const STDIO_SERVER = path('stdio-server.mjs');

interface PeerCommand {
  /** Which requests it answers: of sessions opened with `initialize`, or of MCP 2026-07-28. */
  readonly era: 'legacy' | 'modern';
  /** It gives out no sessions, so that there is nothing to hold a stream with. */
  readonly stateless?: true;
  readonly install?: () => void;
  /** What to start; it serves `/mcp` at this port. */
  command(port: number, nodeFlags: readonly string[]): readonly string[];
}

const node = (file: string) => ({
  era: 'legacy' as const,
  command: (_port: number, flags: readonly string[]) => [process.execPath, ...flags, path(file)],
});

const python = (...args: readonly string[]) => ({
  era: 'legacy' as const,
  install: installPythonPackages,
  command: () => [PYTHON, path('python-fastmcp.py'), ...args],
});

/** What benchmarks compare with; the first two are no product, but the limits of the machine and of the SDK. */
export const PEERS = {
  bare: node('bare.ts'),
  'thirty-lines': node('thirty-lines.ts'),
  'sdk-v1': node('sdk-v1.ts'),
  'sdk-v1-counter': node('sdk-v1-counter.ts'),
  'sdk-v2': { ...node('sdk-v2.ts'), install: installNpmPackages },
  'sdk-v2-modern': { ...node('sdk-v2-modern.ts'), era: 'modern', stateless: true, install: installNpmPackages },
  fastmcp: { ...node('fastmcp.ts'), install: installNpmPackages },
  /** A child for each session. It listens at every address of the machine: there is no flag for that. */
  supergateway: {
    era: 'legacy',
    install: installNpmPackages,
    command: (port, flags) => [
      ...[process.execPath, ...flags, path('node_modules/supergateway/dist/index.js')],
      ...['--stdio', `"${process.execPath}" "${STDIO_SERVER}"`],
      ...['--outputTransport', 'streamableHttp', '--stateful'],
      // It would log each message.
      ...['--port', String(port), '--logLevel', 'none'],
    ],
  },
  /** One child for all sessions. */
  'mcp-proxy': {
    era: 'legacy',
    install: installNpmPackages,
    command: (port, flags) => [
      ...[process.execPath, ...flags, path('node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs')],
      ...['--host', '127.0.0.1', '--port', String(port), '--', process.execPath, STDIO_SERVER],
    ],
  },
  'python-fastmcp': python(),
  'python-fastmcp-stateless': { ...python('stateless'), stateless: true },
} as const satisfies Readonly<Record<string, PeerCommand>>;

export type PeerName = keyof typeof PEERS;

export const PEER_NAMES = Object.keys(PEERS) as readonly PeerName[];

export const commandOf = (name: PeerName): PeerCommand => PEERS[name];
