import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { joinAddress, splitAddress } from './peer-address.ts';

/** Where the addresses of a fleet's pods come from. */
export interface PeerSource {
  /** The addresses (`host:port`) that are known now, our own among them; rejects when that can not be told now. */
  read(): Promise<readonly string[]>;
  /** Whether an address that has not turned up in `read` yet is of the fleet all the same. */
  confirms(address: string): Promise<boolean>;
  /** Calls back when `read` would answer something else. */
  onChange(callback: () => void): void;
  /** Milliseconds after its start until a pod may hope that others can hear of it. */
  readonly unheardOf: number;
  /** Whether pods come and go one by one, so that a pod that leaves may hope for another one to come. */
  readonly changing: boolean;
}

/**
 * Kubernetes publishes a pod's address a second or two after its start. Whoever asks DNS for it earlier is told that there is
 * no such pod, and where DNS caches that, for half a minute.
 */
const PUBLISHED_AFTER_MS = 3_000;
/** Milliseconds after which an address that DNS did not know is asked for again. */
const ASK_AGAIN_MS = 500;

/**
 * Pods by name or address, with a port of their own or the usual one. A name stands for all that DNS says: behind a
 * headless Service that is every pod. Such a list may be half a minute old, so an address that is not in it is asked for
 * by its own name, `198-18-0-5.<service>`, which nobody has asked for before.
 */
export function namedSource(entries: readonly string[], port: number): PeerSource {
  const targets = entries.map((entry) => splitAddress(entry) ?? { host: entry.replaceAll(/[[\]]/g, ''), port });
  const names = targets.filter(({ host }) => isIP(host) === 0);
  const asked = new Map<string, number>();
  const read = async () => (await Promise.all(targets.map(addressesOf))).flat();
  return {
    changing: true,
    unheardOf: names.length === 0 ? 0 : PUBLISHED_AFTER_MS,
    read,
    async confirms(address) {
      const { host } = splitAddress(address) ?? { host: '' };
      const last = asked.get(address) ?? Number.NEGATIVE_INFINITY;
      if (isIP(host) === 0 || performance.now() - last < ASK_AGAIN_MS) return false;
      if (asked.size > 1_000) asked.clear();
      asked.set(address, performance.now());
      const label = host.replaceAll(/[.:]/g, '-');
      const own = names.map((name) => addressesOf({ ...name, host: `${label}.${name.host}` }));
      const found = await Promise.allSettled([...own, read()]);
      return found.some((result) => result.status === 'fulfilled' && result.value.includes(address));
    },
    onChange() {},
  };
}

/** The workers of one machine, as the process that started them tells. */
export function workerSource(onPeers: (callback: (addresses: readonly string[]) => void) => void): PeerSource {
  let known: readonly string[] = [];
  const callbacks: (() => void)[] = [];
  onPeers((addresses) => {
    known = addresses;
    for (const callback of callbacks) callback();
  });
  return {
    changing: false,
    unheardOf: 0,
    read: async () => known,
    // A worker that has just been started may call before this one was told of it; the key says that it is one.
    confirms: async (address) => splitAddress(address)?.host === '127.0.0.1',
    onChange: (callback) => void callbacks.push(callback),
  };
}

/** Rejects when DNS has no answer, also when it knows no such name: while this pod runs, its Service has an endpoint. */
async function addressesOf({ host, port }: { readonly host: string; readonly port: number }): Promise<string[]> {
  if (isIP(host) !== 0) return [joinAddress(host, port)];
  return (await lookup(host, { all: true })).map(({ address }) => joinAddress(address, port));
}
