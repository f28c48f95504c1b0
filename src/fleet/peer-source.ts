import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { joinAddress, splitAddress } from './peer-address.ts';

/** Where the addresses of a fleet's pods come from. */
export interface PeerSource {
  /** The addresses (`host:port`) that are known now; our own may be among them. */
  read(): Promise<readonly string[]>;
  /** Whether an address that has not turned up in `read` yet is of the fleet all the same. */
  confirms(address: string): Promise<boolean>;
  /** Calls back when `read` would answer something else. */
  onChange(callback: () => void): void;
  /** Whether pods come and go one by one, so that a pod that leaves may hope for another one to come. */
  readonly changing: boolean;
}

/** Milliseconds after which an address that DNS did not know is asked for again. */
const ASK_AGAIN_MS = 500;

/**
 * The pods behind a headless Service. A list that DNS serves may be half a minute old, so an address that is not in it is
 * asked for by its own name, `198-18-0-5.<service>`, which nobody has asked for before.
 */
export function dnsSource(name: string, port: number): PeerSource {
  const asked = new Map<string, number>();
  const addresses = async (of: string) => {
    const found = await lookup(of, { all: true }).catch(() => []);
    return found.map(({ address }) => joinAddress(address, port));
  };
  return {
    changing: true,
    read: () => addresses(name),
    async confirms(address) {
      const { host } = splitAddress(address) ?? { host: '' };
      if (isIP(host) === 0) return false;
      const last = asked.get(address) ?? Number.NEGATIVE_INFINITY;
      if (performance.now() - last < ASK_AGAIN_MS) return false;
      if (asked.size > 1_000) asked.clear();
      asked.set(address, performance.now());
      const own = await addresses(`${host.replaceAll(/[.:]/g, '-')}.${name}`);
      return own.includes(address) || (await addresses(name)).includes(address);
    },
    onChange() {},
  };
}

/** A list of pods that stays as it is. */
export function listSource(entries: readonly string[], port: number): PeerSource {
  const addresses = entries.map((entry) =>
    splitAddress(entry) === undefined ? joinAddress(entry.replaceAll(/[[\]]/g, ''), port) : entry,
  );
  return {
    changing: true,
    read: async () => addresses,
    confirms: async (address) => addresses.includes(address),
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
    read: async () => known,
    // A worker that has just been started may call before this one was told of it; the key says that it is one.
    confirms: async (address) => splitAddress(address)?.host === '127.0.0.1',
    onChange: (callback) => void callbacks.push(callback),
  };
}

/** Whether `--peers` names one DNS name rather than addresses. */
export function isDnsName(peers: readonly string[]): boolean {
  const [only = ''] = peers;
  return peers.length === 1 && splitAddress(only) === undefined && isIP(only.replaceAll(/[[\]]/g, '')) === 0;
}
