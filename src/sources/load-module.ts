import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ownLibrary from '@modelcontextprotocol/server';
import type { serveStdio } from '@modelcontextprotocol/server/stdio';
import berth from '../../package.json' with { type: 'json' };
import { UsageError } from '../config/problems.ts';
import type { AnyMcpServer, ServerDefinition } from './define-server.ts';
import type { Source } from './source.ts';
import { within } from './within.ts';

type Library = Pick<typeof ownLibrary, 'McpServer' | 'Server' | 'createMcpHandler'>;

/** Loads a server module by its path; a UsageError says what is wrong with it. */
export async function loadModule(path: string): Promise<Source> {
  const url = pathToFileURL(resolve(path)).href;
  let module: { readonly default?: unknown };
  try {
    module = await import(url);
  } catch (error) {
    throw new UsageError([`Module ${path} could not be loaded: ${messageOf(error)}${hintFor(error)}`]);
  }
  return await sourceOf(module.default, path, url);
}

/** The source made of a module's default export; `name` is how errors call it, `url` where it was loaded from. */
export async function sourceOf(exported: unknown, name: string, url: string): Promise<Source> {
  const definition = definitionOf(exported, name);
  const product = await tryCreate(definition, name);
  const library = await libraryOf(product, url);
  await product.close();
  return {
    definition: {
      ...identityOf(product),
      ...definition,
      sameSdk: library?.version === berth.dependencies['@modelcontextprotocol/server'],
    },
    libraryVersion: library?.version ?? berth.dependencies['@modelcontextprotocol/sdk'],
    createModernHandler: library?.exports.createMcpHandler,
    loadStdio: library?.loadStdio,
  };
}

function definitionOf(exported: unknown, name: string): Omit<ServerDefinition, 'name' | 'version'> {
  if (typeof exported === 'function') return { create: exported as ServerDefinition['create'] };
  const create = (exported as Partial<ServerDefinition> | null | undefined)?.create;
  if (typeof create === 'function') return bound(checked(exported as ServerDefinition, name));
  const found = exported === undefined ? 'no default export' : `a default export of type ${typeof exported}`;
  throw notAServer(name, found);
}

/** Only a plain yes lets server objects serve one client after another. */
function checked(definition: ServerDefinition, name: string): ServerDefinition {
  const reusable: unknown = definition.reusable;
  if (reusable === undefined || typeof reusable === 'boolean') return definition;
  throw new UsageError([
    `Module ${name} does not export a server. Its "reusable" must be true or false. Got a value of type ${typeof reusable}.`,
  ]);
}

/** The same of a class instance, whose methods are not its own properties, as of a plain object. */
function bound(definition: ServerDefinition): Omit<ServerDefinition, 'name' | 'version'> {
  const { name, version, sessions, reusable } = definition;
  const said = { name, version, sessions, reusable };
  return {
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
    ...(definition.start !== undefined && { start: (context) => definition.start?.(context) }),
    create: (session) => definition.create(session),
  };
}

/** As long as a module may take for a client's; longer is for ever. */
const CREATE_LIMIT_MS = 60_000;

/** Makes one server object at start, so that a module that can not is found before its first client. */
async function tryCreate(definition: Pick<ServerDefinition, 'create'>, name: string): Promise<AnyMcpServer> {
  let product: AnyMcpServer;
  try {
    const made = definition.create({
      era: 'modern',
      id: undefined,
      state: {},
      fleetKey: randomBytes(32).toString('base64url'),
      onEnd: () => {},
    });
    product = await within(CREATE_LIMIT_MS, made, `it was not done after ${CREATE_LIMIT_MS / 1_000} s.`);
  } catch (error) {
    throw new UsageError([`Module ${name} failed to create its server: ${messageOf(error)}`]);
  }
  if (typeof product?.connect !== 'function' || typeof product.close !== 'function') {
    throw notAServer(name, `one that creates ${product === null ? 'null' : `a value of type ${typeof product}`}`);
  }
  return product;
}

function notAServer(name: string, found: string): UsageError {
  const wanted = 'Its default export must be made with defineServer(…), or be a function that returns an McpServer';
  return new UsageError([`Module ${name} does not export a server. ${wanted}. Found ${found}.`]);
}

/** A copy of `@modelcontextprotocol/server`. */
interface Copy {
  readonly exports: Library;
  readonly version: string;
  readonly loadStdio: Source['loadStdio'];
}

/** The copy of `@modelcontextprotocol/server` that an object is of: ours, or the one that its module sees. */
async function libraryOf(product: AnyMcpServer, url: string): Promise<Copy | undefined> {
  const isFrom = (library: Library) => product instanceof library.McpServer || product instanceof library.Server;
  if (isFrom(ownLibrary)) {
    return {
      exports: ownLibrary,
      version: berth.dependencies['@modelcontextprotocol/server'],
      loadStdio: async () => (await import('@modelcontextprotocol/server/stdio')).serveStdio,
    };
  }
  const manifestPath = findManifest(url);
  if (manifestPath === undefined) return undefined;
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as Manifest;
  const load = async (entry: Entry | undefined) => {
    const file = typeof entry === 'string' ? entry : entry?.default;
    return file === undefined ? undefined : await import(pathToFileURL(resolve(dirname(manifestPath), file)).href);
  };
  for (const kind of ['import', 'require'] as const) {
    const library = (await load(manifest.exports?.['.']?.[kind])) as Library | undefined;
    if (library === undefined || !isFrom(library)) continue;
    const stdio = manifest.exports?.['./stdio']?.[kind];
    return {
      exports: library,
      version: manifest.version,
      loadStdio:
        stdio === undefined
          ? undefined
          : async () => ((await load(stdio)) as { serveStdio: typeof serveStdio }).serveStdio,
    };
  }
  return undefined;
}

/** The manifest of the copy that a module sees: none where it is bundled, or has the other SDK alone. */
function findManifest(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  try {
    return findPackageJSON('@modelcontextprotocol/server', url);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

interface Manifest {
  readonly version: string;
  readonly exports?: Readonly<Partial<Record<'.' | './stdio', Readonly<Record<'import' | 'require', Entry>>>>>;
}

type Entry = string | { readonly default?: string };

/** What a plain factory's server calls itself; both SDKs keep it in the same place. */
function identityOf(product: AnyMcpServer): { name: string; version: string } {
  const protocol = ('server' in product ? product.server : product) as unknown as {
    _serverInfo?: { name?: string; version?: string };
  };
  return { name: protocol._serverInfo?.name ?? 'mcp-server', version: protocol._serverInfo?.version ?? '0.0.0' };
}

function hintFor(error: unknown): string {
  const isScript =
    error instanceof SyntaxError && /import statement outside a module|Unexpected token 'export'/.test(error.message);
  return isScript
    ? '. Its package.json says or implies "type": "commonjs": say "type": "module", or name the file .mts or .mjs'
    : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
