import { randomBytes } from 'node:crypto';
import type { WorkerSeat } from '../../src/server/worker-seat.ts';
import { eventually, type Lab, type LabOptions, type Settings, startLab } from './running.ts';

/** One worker of a fleet in this process. */
export type Member = Lab;

/** Starts a fleet of lab servers in this process, each with a port of its own; they end with the test. */
export async function startFleet(
  size: number,
  settings: Settings = {},
  sessions: LabOptions['sessions'] = 'parkable',
  /** What each member serves, in order, instead of the lab. */
  sources: Iterable<unknown> = [],
) {
  const exported = sources[Symbol.iterator]();
  const key = randomBytes(32);
  const seats: { port?: number; tell?: (addresses: readonly string[]) => void }[] = [];
  const tellAll = () => {
    for (const seat of seats) {
      const others = seats.filter((other) => other !== seat && other.port !== undefined);
      seat.tell?.(others.map(({ port }) => `127.0.0.1:${port}`));
    }
  };
  const members: Member[] = [];
  const add = async (more: Settings = {}): Promise<Member> => {
    const seat: (typeof seats)[number] = {};
    seats.push(seat);
    const place: WorkerSeat = {
      key,
      onPeers(callback) {
        seat.tell = callback;
        tellAll();
      },
      peerListening(port) {
        seat.port = port;
        tellAll();
      },
    };
    const member = await startLab({ ...settings, ...more }, exported.next().value, {
      sessions,
      place: { seat: place },
    });
    members.push(member);
    return member;
  };
  for (let i = 0; i < size; i++) await add();
  const sum = async (read: (counts: Awaited<ReturnType<Member['counts']>>) => number) => {
    const all = await Promise.all(members.map((member) => member.counts()));
    return all.reduce((total, counts) => total + read(counts), 0);
  };
  return {
    members,
    add,
    /** A number of `GET /connections`, summed over all members. */
    sum,
    settled: (read: Parameters<typeof sum>[0], wanted: number) =>
      eventually(
        () => sum(read),
        (value) => value === wanted,
      ),
  };
}
