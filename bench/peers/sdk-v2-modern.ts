import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { PORT } from './tools.ts';
import { createV2Server } from './v2-server.ts';

const handle = toNodeHandler(createMcpHandler(createV2Server, { legacy: 'reject' }));

createServer((req, res) => void handle(req, res)).listen(PORT, '127.0.0.1');
