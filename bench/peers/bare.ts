import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { answer, PORT, SERVER_INFO, TOOLS } from './tools.ts';

// What HTTP and JSON cost on Node, without a protocol: nothing is checked, and there are no sessions.
const inputSchema = { type: 'object', properties: { value: { type: 'string' } }, required: ['value'] };
const tools = { tools: TOOLS.map((name) => ({ name, inputSchema })) };

const resultOf = (method: string, params: { protocolVersion?: string; arguments?: { value: string } } = {}) => {
  if (method === 'tools/list') return tools;
  if (method !== 'initialize') return answer(params.arguments ?? { value: '' });
  return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: SERVER_INFO };
};

createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n');
    return;
  }
  let text = '';
  req.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  req.on('end', () => {
    if (req.method === 'DELETE') return res.writeHead(200).end();
    const { id, method, params } = JSON.parse(text);
    if (id === undefined) return res.writeHead(202).end();
    const body = JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, params) });
    const session = method === 'initialize' ? { 'mcp-session-id': randomUUID() } : {};
    return res
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...session })
      .end(body);
  });
}).listen(PORT, '127.0.0.1');
