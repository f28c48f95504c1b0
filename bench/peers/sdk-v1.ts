import { createServer } from 'node:http';
import { createV1Sessions } from './sdk-v1-sessions.ts';
import { PORT } from './tools.ts';

createServer(createV1Sessions().handle).listen(PORT, '127.0.0.1');
