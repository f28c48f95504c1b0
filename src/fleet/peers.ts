import type { Agent } from 'node:http';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hello } from './hello.ts';
import { Peer } from './peer.ts';
import { splitAddress } from './peer-address.ts';
import type { PeerSource } from './peer-source.ts';
import type { SeenTags } from './seen-tags.ts';

export interface PeersOptions {
  readonly source: PeerSource;
  /** What this pod says of itself at this moment. */
  readonly hello: () => Hello;
  readonly tags: SeenTags;
  /** Opens proven connections to an address, and hands on what the other end says of itself. */
  connect(address: string, greeted: (hello: Hello) => void): Agent;
  /** Told of every greeting, in whichever direction. */
  greeted(hello: Hello): void;
  readonly log: { info(details: object, message: string): void };
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

/** DNS is asked so often for pods that this one has not heard of. */
const REFRESH_MS = 2_000;
/** How long a pod waits, before it turns Ready, for all that DNS names to know it: DNS may be half a minute behind. */
const GREETING_LIMIT_MS = 35_000;
/** How long peers may be silent until they count as gone. */
const SILENT_MS = 5_000;
/** How long a peer may take to answer a greeting. */
const GREETING_PATIENCE_MS = 500;
const GREETING_PAUSE_MS = 200;
const ANNOUNCE_ATTEMPTS = 3;

/** The other pods of the fleet. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  /** Addresses whose pod said goodbye, with its nonce: DNS may name them for a while. */
  readonly #gone = new Map<string, string>();
  #listed: ReadonlySet<string> = new Set();
  /** Whether it is too early to ask for peers, or to be known to any. */
  #unheardOf = false;
  #joined = false;
  /** When each last told which tags it knows. */
  readonly #toldTags = new WeakMap<Peer, number>();

  constructor(options: PeersOptions) {
    this.#options = options;
    options.source.onChange(() => void this.refresh());
    const timer = setInterval(() => !this.#unheardOf && void this.refresh(), REFRESH_MS).unref();
    options.signal.addEventListener('abort', () => {
      clearInterval(timer);
      for (const peer of this.#peers.values()) peer.destroy();
    });
  }

  /** Whether another pod may turn up while this one leaves. */
  get changing(): boolean {
    return this.#options.source.changing;
  }

  get(address: string): Peer | undefined {
    return this.#peers.get(address);
  }

  /** The pod that made the ids with this tag, if it is still the same process. */
  byTag(tag: string): Peer | undefined {
    for (const peer of this.#peers.values()) if (peer.tag === tag) return peer;
    return undefined;
  }

  /** Everyone who belongs to the fleet now, whether it can be reached or not. */
  get current(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.hello !== undefined || this.#listed.has(peer.address));
  }

  get reachable(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.reachable);
  }

  get takingWork(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.takesWork);
  }

  get withRoom(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.mayHaveRoom);
  }

  /** Greets every peer that can be found, so that this pod knows and is known before it serves. */
  async join(): Promise<void> {
    const { source, signal } = this.#options;
    if (source.unheardOf > 0) {
      this.#unheardOf = true;
      await sleep(source.unheardOf, undefined, { signal }).catch(() => {});
      this.#unheardOf = false;
    }
    await this.#meet();
    this.#joined = true;
  }

  async #meet(): Promise<void> {
    const { clock, hello, source, signal } = this.#options;
    const begun = clock();
    for (;;) {
      await this.refresh();
      const others = [...this.#listed].filter((address) => address !== hello().address);
      const strangers = [...others, ...this.#mentioned].filter((address) => !this.#known(address));
      const met = this.reachable.length > 0;
      // If nobody answers, it may as well be this pod that is slow: it would know of no session.
      const alone = !met && (others.length === 0 || clock() - begun >= SILENT_MS);
      // A list without this pod is older than it, so that it may lack others as well; who has met one has heard of all.
      const told = source.unheardOf === 0 || this.#listed.has(hello().address);
      if (strangers.length === 0 && (met || (alone && told))) return;
      if (clock() - begun >= GREETING_LIMIT_MS || signal.aborted) return;
      await sleep(GREETING_PAUSE_MS);
    }
  }

  /** Whether an address that somebody calls from is one of the fleet's. */
  async isPeer(address: string): Promise<boolean> {
    return this.#peers.has(address) || this.#listed.has(address) || (await this.#options.source.confirms(address));
  }

  /** Takes note of what a pod says of itself, whoever opened the connection. */
  greeted(hello: Hello): void {
    if (hello.address === this.#options.hello().address) return;
    if (this.#gone.get(hello.address) === hello.nonce) return;
    this.#gone.delete(hello.address);
    const peer = this.#add(hello.address);
    const known = peer.hello?.nonce === hello.nonce;
    peer.greeted(hello);
    for (const [tag, ago] of Object.entries(hello.tags)) this.#options.tags.add(tag, ago);
    this.#toldTags.set(peer, this.#options.clock());
    if (!known) this.#options.log.info({ address: hello.address, template: hello.template }, 'Met peer');
    this.#options.greeted(hello);
  }

  /** Forgets a pod that says that it is gone now. */
  left(address: string, nonce: string): void {
    const peer = this.#peers.get(address);
    if (peer?.hello?.nonce !== nonce) return;
    this.#gone.set(address, nonce);
    // It answers what had reached it before it said so.
    peer.retire();
    this.#forget(peer);
  }

  /** Tells everyone in which phase this pod is now. Who is too busy to hear it is told at the next refresh. */
  async announce(hurry?: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < ANNOUNCE_ATTEMPTS && hurry?.aborted !== true; attempt++) {
      if (attempt > 0) await sleep(GREETING_PAUSE_MS);
      const untold = this.reachable.filter((peer) => !this.#heardPhase(peer));
      await Promise.all(untold.map((peer) => this.#greet(peer)));
      if (untold.every((peer) => this.#heardPhase(peer))) return;
    }
  }

  /** Tells everyone that this pod is gone. */
  async sayGoodbye(): Promise<void> {
    const hello = this.#options.hello();
    // Who does not hear it finds out by asking.
    const told = this.reachable.map((peer) => peer.ask('/berth/goodbye', hello, GREETING_PATIENCE_MS).catch(() => {}));
    await Promise.all(told);
  }

  /**
   * Whether it is not known to live as it did, one of both may not know in which phase the other is, or it has not told
   * for long which sessions there may be.
   */
  #wantsGreeting(peer: Peer): boolean {
    const unsure = !peer.reachable || !peer.settled || !this.#heardPhase(peer) || !this.#listed.has(peer.address);
    return unsure || this.#options.clock() - (this.#toldTags.get(peer) ?? 0) >= this.#options.tags.tellEvery;
  }

  #heardPhase(peer: Peer): boolean {
    return peer.told === this.#options.hello().phase;
  }

  /** Looks for peers that are new, greets those, and forgets those that are neither listed nor there. */
  async refresh(): Promise<void> {
    const { source, hello, tags } = this.#options;
    const listed = await source.read().catch(() => [...this.#listed]);
    // The other family's address of a pod leads to the same pod, which is known by the one of ours.
    this.#listed = new Set(listed.filter((address) => familyOf(address) === familyOf(hello().address)));
    for (const { tag } of this.reachable) if (tag !== undefined) tags.add(tag);
    tags.collect();
    const candidates = new Set([...this.#listed, ...this.#mentioned]);
    candidates.delete(hello().address);
    for (const address of candidates) if (!this.#gone.has(address)) this.#add(address);
    const returned = [...this.#gone.keys()].filter((address) => this.#listed.has(address));
    await Promise.all([
      ...[...this.#peers.values()].filter((peer) => this.#wantsGreeting(peer)).map((peer) => this.#greet(peer)),
      ...returned.map((address) => this.#greetAgain(address)),
    ]);
    for (const address of this.#gone.keys()) if (!this.#listed.has(address)) this.#gone.delete(address);
    for (const peer of this.#peers.values()) {
      if (!this.#listed.has(peer.address) && (!this.changing || !peer.reachable)) this.#remove(peer);
    }
  }

  /** Whom its peers know. Later on whoever is new greets this pod, and what peers once said of others is out of date. */
  get #mentioned(): string[] {
    if (this.#joined) return [];
    const own = this.#options.hello().address;
    const mentioned = [...this.#peers.values()].flatMap((peer) => peer.hello?.peers ?? []);
    return mentioned.filter((address) => address !== own);
  }

  /** Whether an address needs no greeting: it was greeted, has left, or does not answer. */
  #known(address: string): boolean {
    const peer = this.#peers.get(address);
    return this.#gone.has(address) || (peer !== undefined && (peer.hello !== undefined || peer.suspended));
  }

  async #greet(peer: Peer): Promise<void> {
    const said = await peer.greet(this.#options.hello(), GREETING_PATIENCE_MS);
    if (said !== undefined) this.greeted(said);
  }

  /** An address whose pod has left may have been given to a new one. */
  async #greetAgain(address: string): Promise<void> {
    const agent = this.#options.connect(address, (hello) => this.greeted(hello));
    const peer = new Peer({ address, agent, clock: this.#options.clock });
    await this.#greet(peer);
    peer.destroy();
  }

  #add(address: string): Peer {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const { connect, clock } = this.#options;
    const peer = new Peer({ address, agent: connect(address, (hello) => this.greeted(hello)), clock });
    this.#peers.set(address, peer);
    return peer;
  }

  #remove(peer: Peer): void {
    peer.destroy();
    this.#forget(peer);
  }

  #forget(peer: Peer): void {
    this.#peers.delete(peer.address);
    if (peer.hello !== undefined) this.#options.log.info({ address: peer.address }, 'Lost peer');
  }
}

const familyOf = (address: string) => isIP(splitAddress(address)?.host ?? '');
