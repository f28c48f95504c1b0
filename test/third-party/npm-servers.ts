import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { freePorts } from '../fixtures/free-ports.ts';
import { start } from './process.ts';
import type { Step } from './script.ts';
import type { ServerCase } from './server-case.ts';

const { resolve } = createRequire(import.meta.url);

/** As `npx -y @modelcontextprotocol/server-…` would start it. */
const npm = (name: string, ...args: readonly string[]) => [
  process.execPath,
  resolve(`@modelcontextprotocol/server-${name}/dist/index.js`),
  ...args,
];

const call = (name: string, args: Readonly<Record<string, unknown>> = {}) =>
  ({ ask: 'tools/call', params: { name, arguments: args } }) as const satisfies Step;

/**
 * What the everything server can do, but for its clock, its dice and its environment: dynamic resources carry the time,
 * the simulated log has random levels, and get-env tells of this machine.
 */
const EVERYTHING: readonly Step[] = [
  // The server asks for the roots on its own, and then says so.
  { hear: 'notifications/message', legacy: true },
  { ask: 'tools/list' },
  call('echo', { message: 'Grüße, 世界' }),
  call('get-sum', { a: 2, b: 40 }),
  call('get-annotated-message', { messageType: 'error', includeImage: true }),
  call('get-tiny-image'),
  call('get-structured-content', { location: 'Chicago' }),
  call('get-resource-links', { count: 3 }),
  call('get-sum', { a: 'two' }),
  call('no-such-tool'),
  { ...call('trigger-long-running-operation', { duration: 0.2, steps: 4 }), progress: true },
  { ...call('trigger-long-running-operation', { duration: 20, steps: 200 }), cancel: true },
  { ...call('get-roots-list'), legacy: true },
  { ...call('trigger-sampling-request', { prompt: 'Say something fine.' }), legacy: true },
  { ...call('trigger-elicitation-request'), legacy: true },
  { ask: 'prompts/list' },
  { ask: 'prompts/get', params: { name: 'simple-prompt' } },
  { ask: 'prompts/get', params: { name: 'args-prompt', arguments: { city: 'Oslo' } } },
  { ask: 'prompts/get', params: { name: 'no-such-prompt' } },
  {
    ask: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'S' } },
  },
  { ask: 'resources/list' },
  { ask: 'resources/templates/list' },
  { ask: 'resources/read', params: { uri: 'demo://resource/static/document/architecture.md' } },
  { ask: 'resources/read', params: { uri: 'demo://resource/none' } },
  { ask: 'logging/setLevel', params: { level: 'info' }, legacy: true },
  { ask: 'resources/subscribe', params: { uri: 'demo://resource/dynamic/text/1' }, legacy: true },
  { hear: 'notifications/message', legacy: true },
  { ...call('toggle-subscriber-updates'), legacy: true },
  { hear: 'notifications/resources/updated', legacy: true },
  // Now the acknowledgement in the log is below the level.
  { ask: 'logging/setLevel', params: { level: 'error' }, legacy: true },
  { ask: 'resources/unsubscribe', params: { uri: 'demo://resource/dynamic/text/1' }, legacy: true },
  { ask: 'ping', legacy: true },
];

const SUM = { name: 'get-sum', arguments: { a: 2, b: 40 } };

const everything: ServerCase = {
  name: 'server-everything as a command',
  prepare: async (root) => {
    const command = npm('everything', 'stdio');
    return { direct: { command }, serve: ['--', ...command], root, steps: EVERYTHING, call: SUM };
  },
};

const everythingHttp: ServerCase = {
  name: 'server-everything as an upstream',
  prepare: async (root) => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/mcp`;
    const running = await start(npm('everything', 'streamableHttp'), {
      url,
      ready: /listening on port/,
      environment: { PORT: String(port) },
    });
    return { direct: { url }, serve: ['--upstream', url], root, steps: EVERYTHING, call: SUM, running };
  },
};

const filesystem: ServerCase = {
  name: 'server-filesystem as a command',
  prepare: async (folder) => {
    const root = join(folder, 'files');
    await mkdir(join(root, 'deep', 'deeper'), { recursive: true });
    await writeFile(join(root, 'poem.txt'), 'one\ntwo\nthree\n');
    await writeFile(join(root, 'deep', 'dot.png'), Buffer.from('89504e470d0a1a0a', 'hex'));
    const path = join(root, 'note.txt');
    await writeFile(path, '');
    const command = npm('filesystem', root);
    return {
      direct: { command },
      serve: ['--', ...command],
      root,
      call: { name: 'directory_tree', arguments: { path: root } },
      steps: [
        { ask: 'tools/list' },
        call('list_allowed_directories'),
        call('list_directory', { path: root }),
        call('directory_tree', { path: root }),
        call('read_text_file', { path: join(root, 'poem.txt'), head: 2 }),
        call('read_media_file', { path: join(root, 'deep', 'dot.png') }),
        call('read_multiple_files', { paths: [join(root, 'poem.txt'), join(root, 'none')] }),
        call('write_file', { path, content: 'a\nb\n' }),
        call('edit_file', { path, edits: [{ oldText: 'b', newText: 'c' }] }),
        call('read_text_file', { path }),
        call('search_files', { path: root, pattern: '**/*.txt' }),
        // Outside, so an error.
        call('read_text_file', { path: '/etc/hostname' }),
      ],
    };
  },
};

const memory: ServerCase = {
  name: 'server-memory as a command',
  prepare: async (root) => {
    const command = npm('memory');
    const uri = 'memory://knowledge-graph';
    const environment = (name: string) => ({ MEMORY_FILE_PATH: join(root, name) });
    return {
      direct: { command, environment: environment('direct.jsonl') },
      serve: ['--pass-environment', 'MEMORY_FILE_PATH', '--', ...command],
      environment: environment('berth.jsonl'),
      root,
      call: { name: 'read_graph', arguments: {} },
      // It leaves the graph as it was, since the sessions of all clients write the same file.
      steps: [
        { ask: 'tools/list' },
        call('read_graph'),
        { ask: 'resources/list' },
        { ask: 'resources/read', params: { uri } },
        { ask: 'resources/subscribe', params: { uri }, legacy: true },
        call('create_entities', {
          entities: [
            { name: 'Ada', entityType: 'person', observations: ['counts'] },
            { name: 'engine', entityType: 'machine', observations: [] },
          ],
        }),
        { hear: 'notifications/resources/updated', legacy: true },
        call('create_relations', { relations: [{ from: 'Ada', to: 'engine', relationType: 'programs' }] }),
        { hear: 'notifications/resources/updated', legacy: true },
        call('search_nodes', { query: 'counts' }),
        call('open_nodes', { names: ['Ada'] }),
        call('add_observations', { observations: [{ entityName: 'nobody', contents: ['?'] }] }),
        { ask: 'resources/unsubscribe', params: { uri }, legacy: true },
        { ask: 'resources/read', params: { uri } },
        call('delete_entities', { entityNames: ['Ada', 'engine'] }),
        call('read_graph'),
      ],
    };
  },
};

/** The servers from npm. */
export const NPM_SERVERS: readonly ServerCase[] = [everything, everythingHttp, filesystem, memory];
