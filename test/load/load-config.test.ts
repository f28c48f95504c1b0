import { expect, test } from 'vitest';
import { type LoadConfigKey, readLoadConfig } from '../../src/load/load-config.ts';

const URL_ = 'http://127.0.0.1:8000/mcp';
type Flags = Partial<Record<LoadConfigKey, string | true>>;
const read = (flags: Flags, headers: readonly string[] = [], url = URL_) => readLoadConfig({ url, headers, flags });

test('what is not given has its default', () => {
  expect(read({})).toMatchObject({ sessions: 50, era: 'legacy', duration: 10_000, concurrency: 16, timeout: 60_000 });
});

test('durations, sizes, JSON and headers are read', () => {
  const flags: Flags = {
    duration: '1m30s',
    slowReaders: '2',
    readRate: '4KiB',
    tool: 'echo',
    arguments: '{"value":"x"}',
  };
  expect(read(flags, ['Authorization: Bearer x:y', 'X-Empty:'])).toMatchObject({
    duration: 90_000,
    readRate: 4096,
    arguments: { value: 'x' },
    headers: { Authorization: 'Bearer x:y', 'X-Empty': '' },
  });
});

test.for<[string, Flags, RegExp]>([
  ['no number of sessions', { sessions: 'many' }, /--sessions must be a number\. Got "many"\./],
  ['no sessions', { sessions: '0' }, /--sessions must be at least 1\. Got 0\./],
  ['an unknown era', { era: 'old' }, /--era must be one of legacy, modern, sse, mixed\. Got "old"\./],
  ['a duration without unit', { duration: '10' }, /--duration must be a duration such as 500ms.*Got "10"\./],
  ['a negative rate', { rate: '-1' }, /--rate must be at least 0\. Got -1\./],
  ['arguments that are no object', { tool: 't', arguments: '[1]' }, /--arguments must be a JSON object.*Got "\[1\]"\./],
  ['arguments for whatever tool', { arguments: '{}' }, /--arguments has no effect without --tool or --method\./],
  ['a tool and a method', { tool: 't', method: 'm' }, /--tool has no effect with --method\./],
  ['two paces', { concurrency: '1', openRate: '1' }, /--concurrency has no effect with --open-rate\./],
  ['two memories', { pid: '1', admin: 'http://127.0.0.1:9464' }, /--pid has no effect with --admin\./],
  [
    'more slow readers than sessions',
    { sessions: '2', slowReaders: '3' },
    /--slow-readers must be at most --sessions, which is 2\. Got 3\./,
  ],
  ['a read rate for nobody', { readRate: '1KiB' }, /--read-rate has no effect without --slow-readers\./],
  ['an unknown form', { output: 'yaml' }, /--output must be one of text, json\. Got "yaml"\./],
])('%s is an error', ([, flags, says]) => {
  expect(() => read(flags)).toThrow(says);
});

test.for<[string, RegExp]>([
  ['Authorization secret', /--header must be 'Name: value'/],
  ['X: a\r\nY: b', /--header must be 'Name: value'\. Got "X" as the name\./],
  ['Content-Length: 3', /--header must not be Content-Length/],
])('the header %j is an error', ([line, says]) => {
  expect(() => read({}, [line])).toThrow(says);
});

test('all problems are told at once, that of the address too', () => {
  expect(() => read({ sessions: '0', rate: 'x' }, [], 'localhost:8000')).toThrow(
    /The URL must be.*Got "localhost:8000"\.\n--sessions.*\n--rate/,
  );
});
