import { expect, test } from 'vitest';
import { chooseCall } from '../../src/load/choose-call.ts';
import { ConnectionError, RequestFailed } from '../../src/load/outcome.ts';

const listing = (...tools: object[]) => ({ ask: async () => ({ tools }) });
const tool = (name: string, properties: object, required: readonly string[], more = {}) => ({
  name,
  inputSchema: { type: 'object', properties, required },
  ...more,
});

const ALL = {
  text: { type: 'string', minLength: 3 },
  count: { type: 'integer', minimum: 5 },
  size: { type: 'number' },
  on: { type: 'boolean' },
  list: { type: 'array' },
  kind: { enum: ['a', 'b'] },
  fixed: { const: 7 },
  usual: { type: 'string', default: 'd' },
  inner: { type: 'object', properties: { x: { type: ['string', 'null'] } }, required: ['x'] },
};

test('arguments are made up for what is required, and for nothing else', async () => {
  const call = await chooseCall({ kind: 'any' }, listing(tool('t', { ...ALL, other: {} }, Object.keys(ALL))));
  expect(call).toEqual({
    method: 'tools/call',
    params: {
      name: 't',
      arguments: {
        ...{ text: 'xxx', count: 5, size: 1, on: false, list: [], kind: 'a', fixed: 7, usual: 'd', inner: { x: 'x' } },
      },
    },
  });
});

test('a tool that says it destroys, or whose arguments can not be made up, is passed over', async () => {
  const call = await chooseCall(
    { kind: 'any' },
    listing(
      tool('delete', {}, [], { annotations: { destructiveHint: true } }),
      tool('pattern', { id: { type: 'string', pattern: '^[0-9]{12}$' } }, ['id']),
      tool('unknown', {}, ['what']),
      tool('last', {}, []),
    ),
  );
  expect(call.params['name']).toBe('last');
});

test('without a tool that can be called, the tools are listed', async () => {
  const refusing = { ask: () => Promise.reject(new RequestFailed('tools/list', { kind: 'json-rpc', code: -32601 })) };
  expect((await chooseCall({ kind: 'any' }, refusing)).method).toBe('tools/list');
  expect((await chooseCall({ kind: 'any' }, listing())).method).toBe('tools/list');
});

test('a tool that is not there is an error that names those that are', async () => {
  const wanted = chooseCall({ kind: 'tool', name: 'no' }, listing(tool('a', {}, []), tool('b', {}, [])));
  await expect(wanted).rejects.toThrow('The server has no tool no. Its tools are: a, b.');
});

test('a tool with arguments, and a method, are taken as they are', async () => {
  const nobody = { ask: () => Promise.reject(new Error('Nobody is to be asked.')) };
  expect(await chooseCall({ kind: 'tool', name: 't', arguments: { a: 1 } }, nobody)).toEqual({
    method: 'tools/call',
    params: { name: 't', arguments: { a: 1 } },
  });
  expect(await chooseCall({ kind: 'method', method: 'ping', params: {} }, nobody)).toEqual({
    method: 'ping',
    params: {},
  });
});

test('a list that is none, or asks for more than can be made up, is passed over', async () => {
  const tools = [null, 7, { title: 'no name' }, { name: 't', inputSchema: { required: 'x' } }];
  const long = {
    name: 'long',
    inputSchema: { properties: { x: { type: 'string', minLength: 1e9 } }, required: ['x'] },
  };
  const call = await chooseCall({ kind: 'any' }, { ask: async () => ({ tools: [...tools, long] }) });
  expect(call.method).toBe('tools/list');
});

test('a server that drops the connection when it is asked for its tools is asked for them all the same', async () => {
  const ask = () => Promise.reject(new ConnectionError('closed', 'gone'));
  expect((await chooseCall({ kind: 'any' }, { ask })).method).toBe('tools/list');
  await expect(chooseCall({ kind: 'tool', name: 't' }, { ask })).rejects.toThrow('gone');
});
