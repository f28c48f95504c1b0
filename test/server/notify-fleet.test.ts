import { expect, onTestFinished, test } from 'vitest';
import { createParkable } from '../fixtures/parkable.ts';
import { startRedis } from '../fixtures/redis.ts';
import { startFleet } from './fleet-lab.ts';
import { eventually, type Settings, startLab } from './running.ts';
import { events, inSession, messageIn, modernPost, openSession, post, type ServerEvent } from './wire.ts';

const TOOLS = 'notifications/tools/list_changed';
const UPDATED = 'notifications/resources/updated';
const THING = `${UPDATED} lab://thing`;

/** What a stream says beside answers and acknowledgements, until `enough` of it has come: `method` or `method uri`. */
async function changes(stream: AsyncGenerator<ServerEvent>, enough: number): Promise<string[]> {
  const heard: string[] = [];
  while (heard.length < enough) {
    const { value, done } = await stream.next();
    if (done === true) break;
    const message = value.data === '' ? undefined : messageIn(value);
    if (message === undefined || !('method' in message)) continue;
    const { method, params } = message;
    if (method === TOOLS) heard.push(method);
    if (method === UPDATED) heard.push(`${method} ${params?.['uri']}`);
  }
  return heard;
}

/** Opens a session that wants to hear of `lab://thing`. */
async function openSubscribed(url: string): Promise<string> {
  const id = await openSession(url);
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'lab://thing' } };
  expect((await post(url, subscribe, inSession(id))).status).toBe(200);
  return id;
}

async function openListen(url: string, wanted: Record<string, unknown>) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const answer = await modernPost(url, 'subscriptions/listen', { notifications: wanted }, gone.signal);
  expect(answer.status).toBe(200);
  return events(answer);
}

async function openStream(url: string, id: string, lastEventId?: string) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const resumed = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const headers = { accept: 'text/event-stream', ...resumed, ...inSession(id) };
  const answer = await fetch(url, { headers, signal: gone.signal });
  expect(answer.status).toBe(200);
  return events(answer);
}

/** Members of a fleet that serve a module each, with the notes of each. */
async function startParkables(size: number, settings?: Settings) {
  const modules = Array.from({ length: size }, createParkable);
  const fleet = await startFleet(
    size,
    settings,
    'parkable',
    modules.map(({ definition }) => definition),
  );
  const pods = fleet.members.map((member, index) => ({
    ...member,
    notify: () => {
      const notifier = modules[index]?.notes.notify;
      if (notifier === undefined) throw new Error('The module was not started.');
      return notifier;
    },
  }));
  return pods as [(typeof pods)[number], ...typeof pods];
}

test('a modern listener on one pod hears of what is published on another, as far as it asked', async () => {
  const [here, there] = (await startParkables(2)) as [Pod, Pod];
  const tools = await openListen(here.url, { toolsListChanged: true });
  const thing = await openListen(here.url, { resourceSubscriptions: ['lab://thing'] });
  await eventually(here.counts, ({ streams }) => streams.listen === 2);
  there.notify().resourceUpdated('lab://other');
  there.notify().resourceUpdated('lab://thing');
  there.notify().toolsChanged();
  there.notify().resourceUpdated('lab://thing');
  expect(await changes(tools, 1)).toEqual([TOOLS]);
  expect(await changes(thing, 2)).toEqual([THING, THING]);
});

type Pod = Awaited<ReturnType<typeof startParkables>>[number];

test('the streams of legacy sessions hear of a change once, on whichever pod they are', async () => {
  const pods = await startParkables(3);
  const streams = await Promise.all(
    // The session of the last one lives on the first: its stream is passed on.
    pods.map(async ({ url }, index) => openStream(url, await openSubscribed(pods[index === 2 ? 0 : index]?.url ?? ''))),
  );
  const heard = () => Promise.all(streams.map((stream) => changes(stream, 1)));
  // What was told twice would be heard instead of the next one.
  for (const publisher of [0, 1, 2]) {
    pods[publisher]?.notify().toolsChanged();
    expect(await heard()).toEqual([[TOOLS], [TOOLS], [TOOLS]]);
    pods[publisher]?.notify().resourceUpdated('lab://other');
    pods[publisher]?.notify().resourceUpdated('lab://thing');
    expect(await heard()).toEqual([[THING], [THING], [THING]]);
  }
});

test('a parked session finds what it missed when its stream comes back, through any pod', async () => {
  const [here, there] = (await startParkables(2, { maxConnections: '1' })) as [Pod, Pod];
  const id = await openSession(here.url);
  const cut = new AbortController();
  const headers = { accept: 'text/event-stream', ...inSession(id) };
  const stream = events(await fetch(here.url, { headers, signal: cut.signal }));
  const primed = (await stream.next()).value as ServerEvent;
  cut.abort();
  await stream.next().catch(() => undefined);
  await eventually(here.counts, ({ streams }) => streams.standalone === 0);
  await openSession(here.url);
  await eventually(here.counts, ({ sessions }) => sessions.parked === 1);
  there.notify().toolsChanged();
  // It is read by nobody yet: a session that is not parked says when the change has come.
  const other = await openStream(there.url, await openSession(there.url));
  there.notify().toolsChanged();
  expect(await changes(other, 1)).toEqual([TOOLS]);
  expect(await changes(await openStream(there.url, id, primed.id), 2)).toEqual([TOOLS, TOOLS]);
});

test('without peers a change comes through the store, once, and not back to who published it', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const modules = [createParkable(), createParkable()] as const;
  const [a, b] = await Promise.all(
    modules.map(({ definition }) => startLab({ sessionStore: redis.url }, definition)),
  ).then((labs) => labs as [Lab, Lab]);
  const streams = [
    await openStream(a.url, await openSubscribed(a.url)),
    await openStream(b.url, await openSubscribed(b.url)),
    await openListen(b.url, { toolsListChanged: true, resourceSubscriptions: ['lab://thing'] }),
  ];
  const heard = () => Promise.all(streams.map((stream) => changes(stream, 1)));
  for (const { notes } of [...modules, ...modules]) {
    notes.notify?.toolsChanged();
    expect(await heard()).toEqual([[TOOLS], [TOOLS], [TOOLS]]);
    notes.notify?.resourceUpdated('lab://thing');
    expect(await heard()).toEqual([[THING], [THING], [THING]]);
  }
});

type Lab = Awaited<ReturnType<typeof startLab>>;
