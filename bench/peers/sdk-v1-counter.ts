import { createServer } from 'node:http';
import { answerError } from './json-http.ts';
import { createV1Sessions } from './sdk-v1-sessions.ts';
import { PORT } from './tools.ts';

// What a counter in front of the SDK can do about a storm. Whatever has no session would open one: to refuse it before
// its body is read is the least work.
const cap = Number(process.env['CAP']);
if (!(cap > 0)) throw new Error(`CAP must be the number of sessions to admit. Got ${process.env['CAP']}.`);

const sessions = createV1Sessions();

createServer((req, res) => {
  const opens = req.method === 'POST' && req.headers['mcp-session-id'] === undefined;
  if (!opens || sessions.held < cap) return void sessions.handle(req, res);
  req.resume();
  answerError(res, 503, 'At capacity', { 'retry-after': '1' });
}).listen(PORT, '127.0.0.1');
