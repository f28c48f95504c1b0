import assert from 'node:assert/strict';
import { initialize, post } from '../../test/server/wire.ts';
import { openClient } from './client.ts';
import { PEER_NAMES, type PeerName } from './commands.ts';
import { pssBytes, rssBytes } from './cpu.ts';
import { isRunning, processTree, type RunningProcess } from './process-tree.ts';
import { type Peer, startPeer } from './start.ts';
import { toolNames } from './tools.ts';

// Whether each peer answers as it must: lists its tools, calls one a hundred times, holds a stream, and leaves no process
// behind. Usage: check.ts [NAME…], by default all of them.
const TOOLS = 7;
const CALLS = 100;
const CAP = 2;

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !PEER_NAMES.some((known) => known === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no peer ${unknown}. There are: ${PEER_NAMES.join(', ')}.\n`);
  process.exit(2);
}

interface ToolResult {
  readonly content: unknown;
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

async function check(peer: Peer): Promise<void> {
  const client = await openClient(peer.url, peer.era);
  const { tools } = (await client.ask('tools/list')) as { tools: { name: string }[] };
  assert.deepEqual(tools.map(({ name }) => name).toSorted(), toolNames(TOOLS).toSorted());
  for (let i = 0; i < CALLS; i++) {
    const value = `value ${i}`;
    const result = (await client.ask('tools/call', { name: 'echo', arguments: { value } })) as ToolResult;
    assert.deepEqual(result.content, [{ type: 'text', text: value }]);
    // The same again as structured content would be work that the others do not do.
    assert.equal(result.structuredContent, undefined);
    assert.notEqual(result.isError, true);
  }
  if (!peer.stateless) {
    const stream = await client.openStream();
    assert.equal(stream.status, 200);
    assert.match(String(stream.headers.get('content-type')), /^text\/event-stream/);
    await stream.body?.cancel();
  }
  await client.close();
  // It stays open: whoever stops the peer ends what serves this session too.
  await openClient(peer.url, peer.era);
}

/** What is more than the cap is refused, until a session is closed. */
async function checkCounter({ url }: Peer): Promise<void> {
  const open = async () => {
    const response = await post(url, initialize());
    await response.text();
    return response;
  };
  // One is open already.
  const all = await Promise.all(Array.from({ length: CAP - 1 + 3 }, open));
  const refused = all.filter(({ status }) => status === 503);
  assert.equal(refused.length, 3);
  assert.equal(refused[0]?.headers.get('retry-after'), '1');
  const id = String(all.find(({ status }) => status === 200)?.headers.get('mcp-session-id'));
  await (await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': id } })).arrayBuffer();
  assert.equal((await open()).status, 200);
}

const inMb = (bytes: number) => `${(bytes / 1_048_576).toFixed(0)} MB`.padStart(7);

for (const name of wanted.length === 0 ? PEER_NAMES : (wanted as PeerName[])) {
  try {
    const peer = await startPeer(name, { tools: TOOLS, cap: CAP });
    const resting = peer.pids();
    const memory = `RSS ${inMb(rssBytes(resting))}, PSS ${inMb(pssBytes(resting))} in ${resting.length} process(es)`;
    let tree: readonly RunningProcess[];
    try {
      await check(peer);
      if (name === 'sdk-v1-counter') await checkCounter(peer);
      tree = processTree(peer.pid);
    } finally {
      await peer.stop();
    }
    assert.deepEqual(tree.filter(isRunning), [], 'Processes are left behind.');
    process.stdout.write(
      `${name.padEnd(25)} ok  ${memory}, ${peer.readyMs.toFixed(0).padStart(5)} ms to the first answer\n`,
    );
  } catch (error) {
    process.exitCode = 1;
    process.stdout.write(`${name.padEnd(25)} FAILED  ${(error as Error).message}\n`);
  }
}
