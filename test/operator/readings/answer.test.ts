import { describe, expect, test } from 'vitest';
import { readAnswer } from '../../../src/operator/readings/answer.ts';

const answer = (head: string, body: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`;
const complete = (body: string, over: object = {}) => ({ is: 'complete', status: 200, body, keepsOpen: true, ...over });

test.for([
  ['a length', answer('content-length: 4', 'four'), complete('four')],
  ['a length in other letters', answer('Date: today\r\nContent-Length:4\r\nServer: x', 'four'), complete('four')],
  ['a length of nothing', answer('Content-Length: 0', ''), complete('')],
  ['chunks', answer('Transfer-Encoding: chunked', '3\r\nfou\r\n1;ext=1\r\nr\r\n0\r\n\r\n'), complete('four')],
  ['a status', answer('content-length: 1', 'x', '503 Service Unavailable'), complete('x', { status: 503 })],
  ['a status without words', answer('content-length: 1', 'x', '404'), complete('x', { status: 404 })],
  ['an end', answer('Connection: close\r\ncontent-length: 1', 'x'), complete('x', { keepsOpen: false })],
  ['a line break in a chunk', answer('Transfer-Encoding: chunked', '4\r\n\r\n\r\n\r\n0\r\n\r\n'), complete('\r\n\r\n')],
] as const)('an answer with %s is read', ([, text, read]) => {
  expect(readAnswer(text)).toEqual(read);
});

describe.for([
  ['with a length', answer('content-length: 4', 'four')],
  ['in chunks', answer('Transfer-Encoding: chunked', '3\r\nfou\r\n1\r\nr\r\n0\r\n\r\n')],
] as const)('an answer %s', ([, text]) => {
  test('is incomplete until its last byte', () => {
    for (let length = 0; length < text.length; length++) {
      expect(readAnswer(text.slice(0, length)), text.slice(0, length)).toEqual({ is: 'incomplete' });
    }
    expect(readAnswer(text)).toEqual(complete('four'));
  });
});

test.for([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['an older HTTP', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx'],
  ['an answer before the answer', answer('', '', '100 Continue')],
  ['no end', answer('content-type: text/plain', 'x')],
  ['a length that is none', answer('content-length: -1', 'x')],
  ['more than its length', answer('content-length: 1', 'xy')],
  ['a chunk that is longer than it says', answer('Transfer-Encoding: chunked', '1\r\nxy\r\n')],
  ['a chunk without a size', answer('Transfer-Encoding: chunked', 'x\r\n')],
] as const)('an answer with %s is garbage', ([, text]) => {
  expect(readAnswer(text)).toEqual({ is: 'garbage' });
});
