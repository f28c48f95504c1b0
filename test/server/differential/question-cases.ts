import { bare, call, initialize, inTurn, postOf, type Step, VERSIONS } from './script.ts';

const listen: Step = { send: bare('GET') };

const answer = (id: number | string, result: object) => postOf({ jsonrpc: '2.0', id, result });

const SAMPLE = { model: 'm', role: 'assistant', content: { type: 'text', text: 'Yes.' } };

/** Questions of the server's, and what becomes of them. */
export const QUESTION_CASES: Readonly<Record<string, readonly Step[]>> = {
  'questions and their answers': [
    ...inTurn(),
    { send: postOf(call('ask', { what: 'sampling' })) },
    { heard: 2, messages: 1 },
    { send: answer('$asked:2', SAMPLE) },
    { ended: 3 },
    { ended: 2 },
    { send: postOf(call('ask', { what: 'elicitation' })) },
    { heard: 4, messages: 1 },
    { send: answer('$asked:4', { action: 'decline' }) },
    { ended: 5 },
    { ended: 4 },
    { send: postOf(call('ask', { what: 'roots' })) },
    { heard: 6, messages: 1 },
    { send: postOf({ jsonrpc: '2.0', id: '$asked:6', error: { code: -1, message: 'none', data: { a: 1 } } }) },
    { ended: 7 },
    { ended: 6 },
  ],
  'a question that is answered twice, wrongly, and late': [
    ...inTurn(),
    { send: postOf(call('ask', { what: 'roots' })) },
    { heard: 2, messages: 1 },
    { send: answer(5, { roots: [] }) },
    { ended: 3 },
    { send: answer(0, { roots: 'none' }) },
    { ended: 4 },
    { ended: 2 },
    { send: answer(0, { roots: [] }) },
    { ended: 5 },
  ],
  'a question on the standalone stream': [
    ...inTurn(),
    listen,
    { opened: 2 },
    { send: postOf(call('ask-apart', { what: 'roots' })) },
    { heard: 2, messages: 1 },
    { send: postOf([{ jsonrpc: '2.0', id: 0, result: { roots: [{ uri: 'file:///a' }] } }]) },
    { ended: 4 },
    { ended: 3 },
  ],
  'a question to a client that goes away': [
    ...inTurn(),
    { send: postOf(call('ask', { what: 'roots' })) },
    { heard: 2, messages: 1 },
    { leave: 2 },
    { send: answer(0, { roots: [] }) },
    { ended: 3 },
  ],
  'a question to a client that can not answer': [
    { send: initialize(VERSIONS[0], {}) },
    { ended: 0 },
    { send: postOf(call('ask', { what: 'sampling' })) },
    { heard: 1, messages: 1 },
    { send: postOf({ jsonrpc: '2.0', id: 0, error: { code: -32601, message: 'Method not found' } }) },
    { ended: 1 },
  ],
};
