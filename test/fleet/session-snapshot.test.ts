import { expect, test } from 'vitest';
import { readSnapshot } from '../../src/fleet/session-snapshot.ts';

const record = {
  id: 'ABCDEFGH0000000000000000000000',
  epoch: 3,
  protocolVersion: '2025-11-25',
  announces: ['tools'],
  initialize: { capabilities: {} },
  subject: undefined,
  logLevel: undefined,
  subscriptions: ['file:///a'],
  state: {},
  openedAt: 1_790_000_000_000,
};
const event = (sequence: unknown, stream: unknown = 0, data: unknown = '{}') => ({ sequence, stream, data });
const log = { sequence: 4, trimmedTo: 1, lastStream: 2, listened: true, events: [event(2), event(4, 1)] };

test('a snapshot that went through JSON is read as it is, with what a newer pod added', () => {
  const sent = { record: { ...record, newer: 1 }, log };
  expect(readSnapshot(JSON.parse(JSON.stringify(sent)))).toEqual(sent);
});

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['no record', { log }],
  ['no log', { record }],
  ['a list for a record', { record: [], log }],
  ...Object.entries({
    id: 1,
    epoch: '3',
    protocolVersion: undefined,
    announces: [1],
    initialize: [],
    subject: 1,
    logLevel: null,
    subscriptions: undefined,
    state: null,
    openedAt: '2026',
  }).map(([field, value]): [string, unknown] => [`a wrong ${field}`, { record: { ...record, [field]: value }, log }]),
  ['a negative epoch', { record: { ...record, epoch: -1 }, log }],
  ...Object.entries({
    sequence: '4',
    trimmedTo: undefined,
    lastStream: -1,
    listened: 1,
    events: {},
  }).map(([field, value]): [string, unknown] => [`a wrong log.${field}`, { record, log: { ...log, [field]: value } }]),
  ['an event that is none', { record, log: { ...log, events: [null] } }],
  ['an event without a stream', { record, log: { ...log, events: [event(2, null)] } }],
  ['an event without text', { record, log: { ...log, events: [event(2, 0, {})] } }],
  ['events out of order', { record, log: { ...log, events: [event(3), event(2)] } }],
  ['an event that is newer than the log', { record, log: { ...log, events: [event(5)] } }],
])('%s is no snapshot', (_what, value) => {
  expect(readSnapshot(value)).toBeUndefined();
});
