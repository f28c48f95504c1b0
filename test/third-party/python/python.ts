import { fileURLToPath } from 'node:url';

const bin = (name: string) =>
  fileURLToPath(new URL(`../../../node_modules/.cache/third-party/bin/${name}`, import.meta.url));

/** The interpreter of the virtual environment that `install` makes. */
export const PYTHON = bin('python');

/** The packaged servers, as their users start them. */
export const TIME_SERVER = bin('mcp-server-time');
export const GIT_SERVER = bin('mcp-server-git');

/** Our FastMCP server. */
export const FAST_SERVER = fileURLToPath(new URL('./server.py', import.meta.url));
