import { describe, expect, test } from 'vitest';
import { startFleet } from './fleet-lab.ts';
import { events, initialize, inSession, messageIn, modernCall, openSession, post, toolCall } from './wire.ts';

const textOf = async (response: Response) => {
  const body = (await response.json()) as { result?: { content: { text: string }[] } };
  return body.result?.content[0]?.text;
};

describe('any pod answers any request', () => {
  test('calls of one session through every pod reach the one that holds it', async () => {
    const { members } = await startFleet(3);
    const id = await openSession(members[0]?.url ?? '');
    for (const [index, { url }] of members.entries()) {
      const answer = await post(url, toolCall(1, 'session'), inSession(id));
      expect(answer.status).toBe(200);
      expect(await textOf(answer)).toBe(`${id}:${index + 1}`);
    }
    const created = members.map(({ notes }) => notes.created);
    expect(created).toEqual([1, 0, 0]);
  });

  test('a stream through another pod carries events as they come, and ends with its client', async () => {
    const { members } = await startFleet(2);
    const [owner, other] = members as [(typeof members)[number], (typeof members)[number]];
    const id = await openSession(owner.url);
    const gone = new AbortController();
    const headers = { accept: 'text/event-stream', ...inSession(id) };
    const stream = events(await fetch(other.url, { headers, signal: gone.signal }));
    await post(owner.url, toolCall(1, 'tell', { text: 'hello' }), inSession(id));
    let event = (await stream.next()).value;
    if (event?.data === '') event = (await stream.next()).value;
    expect(event && messageIn(event)).toMatchObject({ params: { data: 'hello' } });
    gone.abort();
    await stream.next().catch(() => undefined);
    const { settled } = { settled: async () => (await owner.counts()).streams.standalone };
    await expect.poll(settled).toBe(0);
  });

  test('DELETE through another pod ends the session, and then it is unknown everywhere', async () => {
    const { members } = await startFleet(3);
    const id = await openSession(members[0]?.url ?? '');
    const gone = await fetch(members[1]?.url ?? '', { method: 'DELETE', headers: inSession(id) });
    expect(gone.status).toBe(200);
    for (const { url } of members) {
      expect((await post(url, toolCall(1, 'session'), inSession(id))).status).toBe(404);
    }
  });
});

test('new work that finds no slot goes to a pod that has one; the fleet holds exactly all its slots', async () => {
  const { members, sum } = await startFleet(4, { maxConnections: '5' }, 'resident');
  const url = members[0]?.url ?? '';
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(url, initialize())));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(await sum(({ active }) => active)).toBe(20);
  for (const member of members) expect((await post(member.url, initialize())).status).toBe(503);
  expect((await modernCall(url, 'echo', { value: 'x' })).status).toBe(503);
  const id = answers[0]?.headers.get('mcp-session-id') ?? '';
  await fetch(url, { method: 'DELETE', headers: inSession(id) });
  await expect.poll(async () => (await modernCall(url, 'echo', { value: 'x' })).status).toBe(200);
});

test('a leaving pod hands its sessions over, state, stream and all', async () => {
  const { members } = await startFleet(3);
  const [leaving, ...rest] = members as [(typeof members)[number], ...typeof members];
  const ids = await Promise.all(Array.from({ length: 10 }, () => openSession(leaving.url)));
  for (const id of ids) await post(leaving.url, toolCall(1, 'session'), inSession(id));
  const listener = ids[0] ?? '';
  const stream = await fetch(leaving.url, { headers: { accept: 'text/event-stream', ...inSession(listener) } });
  const first = events(stream);
  await post(leaving.url, toolCall(2, 'tell', { text: 'one' }), inSession(listener));
  let last: string | undefined;
  for await (const event of first) {
    if (event.id !== undefined) last = event.id;
    if (event.data !== '') break;
  }
  expect(await leaving.stop()).toMatchObject({ sessionsHandedOver: 10, sessionsClosed: 0, callsCut: 0 });
  const [url = ''] = rest.map((member) => member.url);
  for (const id of ids) expect(await textOf(await post(url, toolCall(3, 'session'), inSession(id)))).toBe(`${id}:2`);
  await post(url, toolCall(4, 'tell', { text: 'two' }), inSession(listener));
  const headers = { accept: 'text/event-stream', 'last-event-id': last ?? '', ...inSession(listener) };
  for await (const event of events(await fetch(url, { headers }))) {
    if (event.data === '') continue;
    expect(messageIn(event)).toMatchObject({ params: { data: 'two' } });
    break;
  }
});
