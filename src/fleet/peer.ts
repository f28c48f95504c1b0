import { type Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterReading } from './after-reading.ts';
import type { Hello } from './hello.ts';
import { splitAddress } from './peer-address.ts';
import { PeerError } from './peer-agent.ts';
import { isBefore, type Phase } from './phase.ts';
import { ownerTag } from './session-id.ts';

/** What goes to a peer. */
export interface PeerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

/** Why a peer did not answer. `unsent`: it never got the request. `lost`: it may have. */
export class PeerFailure extends Error {
  readonly kind: 'unsent' | 'lost';
  constructor(address: string, kind: 'unsent' | 'lost', cause: unknown) {
    super(`Peer ${address} did not answer: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.name = 'PeerFailure';
    this.kind = kind;
  }
}

export interface PeerOptions {
  readonly address: string;
  /** Opens connections to it; each is proven before it is used. */
  readonly agent: Agent;
  readonly clock: () => number;
}

/** A peer that was not heard of for so long is asked whether it lives before anything goes to it. */
const STALE_MS = 500;
/** How long an answer may take before the peer is asked whether it lives. */
const SILENCE_MS = 400;
/** A peer that takes longer to say that it lives, twice, is suspended. */
const LIFE_SIGN_MS = 300;
const FAILURES_TO_SUSPEND = 2;
/** A peer that was heard of within this time is not suspended, unless nothing listens at its address any more. */
const ALIVE_MS = 700;
/** How long a suspended peer is left alone; the refresh asks it again after that. */
const SUSPENDED_MS = 1_000;
/** How long `full` is believed: slots that were freed since may be missed for so long. */
const FULL_MS = 100;
/** The same of one that is short of time or memory, and whose refusal itself takes long. */
const BUSY_MS = 1_000;

/** One pod as seen by another: what it said of itself last, whether it can be reached, and the way to it. */
export class Peer {
  readonly address: string;
  readonly #options: PeerOptions;
  readonly #host: string;
  readonly #port: number;
  #hello: Hello | undefined;
  #tag: string | undefined;
  #told: Phase | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** One connection that does not come about fails all who wait for it, and counts once. */
  #counted: Error | undefined;
  #suspendedUntil = Number.NEGATIVE_INFINITY;
  #fullUntil = Number.NEGATIVE_INFINITY;
  #lifeSign: Promise<boolean> | undefined;

  constructor(options: PeerOptions) {
    this.address = options.address;
    this.#options = options;
    const { host, port } = splitAddress(options.address) ?? { host: options.address, port: 0 };
    this.#host = host;
    this.#port = port;
  }

  /** What it said of itself last; nothing before it was greeted. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  /** The tag in the ids of the sessions that it opens. */
  get tag(): string | undefined {
    return this.#tag;
  }

  /** The last phase of this pod's that it is known to have heard of. */
  get told(): Phase | undefined {
    return this.#told;
  }

  get template(): string {
    return this.#hello?.template ?? '';
  }

  get startedAt(): number {
    return this.#hello?.startedAt ?? 0;
  }

  get suspended(): boolean {
    return this.#suspendedUntil > this.#options.clock();
  }

  /** Whether it said that it serves or leaves: one that starts will say more soon. */
  get settled(): boolean {
    return this.#hello !== undefined && this.#hello.phase !== 'starting';
  }

  /** Whether it may be asked for anything. */
  get reachable(): boolean {
    return this.#hello !== undefined && !this.suspended;
  }

  /** Whether it takes sessions and work that are new to it. */
  get takesWork(): boolean {
    return this.reachable && this.#hello?.phase === 'serving';
  }

  get mayHaveRoom(): boolean {
    return this.takesWork && this.#fullUntil <= this.#options.clock();
  }

  /** Takes note of what it says of itself. */
  greeted(hello: Hello): void {
    const known = this.#hello;
    // Greetings on several connections may overtake each other.
    const outdated = known?.nonce === hello.nonce && isBefore(hello.phase, known.phase);
    if (!outdated) this.#hello = hello;
    if (known?.nonce !== hello.nonce) this.#told = undefined;
    this.#tag = ownerTag(hello.address, hello.nonce);
    this.alive();
  }

  alive(): void {
    this.#heardAt = this.#options.clock();
    this.#failures = 0;
    this.#suspendedUntil = Number.NEGATIVE_INFINITY;
  }

  /** Takes note that it did not answer in time; `absent`: that nothing is at its address. */
  failed(absent = false): void {
    // Who spoke a moment ago lives: it is this process, or that one, that is busy.
    if (!absent && this.#spokeLately) return;
    if (++this.#failures >= FAILURES_TO_SUSPEND) this.#suspendedUntil = this.#options.clock() + SUSPENDED_MS;
  }

  /** It has said that it has no room; `busy`: for want of time or memory, which takes longer to come back than a slot. */
  full(busy = false): void {
    this.#fullUntil = this.#options.clock() + (busy ? BUSY_MS : FULL_MS);
  }

  /** Sends a request; resolves with the head of the answer, rejects with a PeerFailure. */
  async send(outgoing: PeerRequest): Promise<IncomingMessage> {
    const stale = this.#hello !== undefined && this.#options.clock() - this.#heardAt > STALE_MS;
    if (stale && !(await this.#lives())) throw new PeerFailure(this.address, 'unsent', 'it does not say that it lives');
    try {
      return await this.#send(outgoing);
    } catch (error) {
      // One connection that did not come about says little; it takes two to suspend a peer.
      const again = error instanceof PeerFailure && error.kind === 'unsent' && !this.suspended;
      if (!again || outgoing.signal?.aborted === true) throw error;
      return await this.#send(outgoing);
    }
  }

  #send({ method, path, headers, body, signal }: PeerRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      let sent = false;
      const outgoing = request({
        agent: this.#options.agent,
        host: this.#host,
        port: this.#port,
        method,
        path,
        headers,
        ...(signal && { signal }),
      });
      const watch = this.#watch((cause) => outgoing.destroy(cause));
      outgoing.once('socket', () => {
        sent = true;
      });
      outgoing.once('response', (answer) => {
        watch();
        this.alive();
        // Whoever reads it is told by 'close' and 'aborted'; without a listener a reset would end the process.
        answer.on('error', () => {});
        resolve(answer);
      });
      outgoing.once('error', (cause) => {
        watch();
        // One that refuses is there: it does not know this pod yet, or never will.
        const code = cause instanceof PeerError ? cause.code : undefined;
        if (!sent && code !== 'refused' && cause !== this.#counted) this.failed(code === 'unreachable');
        this.#counted = cause;
        reject(new PeerFailure(this.address, sent ? 'lost' : 'unsent', cause));
      });
      outgoing.end(body);
    });
  }

  /** Asks for something small that is answered at once; rejects with a PeerFailure. `until` gives up earlier. */
  async ask(
    path: string,
    body: unknown,
    milliseconds: number,
    until?: AbortSignal,
  ): Promise<{ status: number; body: unknown }> {
    const json = JSON.stringify(body);
    const late = new AbortController();
    const stop = afterReading(milliseconds, () => late.abort());
    try {
      const answer = await this.send({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json) },
        body: json,
        signal: until === undefined ? late.signal : AbortSignal.any([late.signal, until]),
      });
      const said = await text(answer);
      return { status: answer.statusCode ?? 0, body: said === '' ? undefined : JSON.parse(said) };
    } catch (cause) {
      throw cause instanceof PeerFailure ? cause : new PeerFailure(this.address, 'lost', cause);
    } finally {
      stop();
    }
  }

  /** Tells it what this pod says of itself; answers what it says of itself, or nothing when it does not. */
  async greet(hello: Hello, milliseconds: number): Promise<Hello | undefined> {
    // One that can not be reached is told again by whoever keeps the peers.
    const answer = await this.ask('/berth/hello', hello, milliseconds).catch(() => undefined);
    if (answer?.status !== 200) return undefined;
    this.#told = hello.phase;
    const said = answer.body as Hello | undefined;
    return said?.address === this.address ? said : undefined;
  }

  /** Ends its idle connections; answers that are under way may still come. */
  retire(): void {
    const { agent } = this.#options;
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  destroy(): void {
    this.#options.agent.destroy();
  }

  /** While an answer is awaited, asks now and then whether the peer lives; gives up on one that does not. */
  #watch(giveUp: (cause: Error) => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    let watching = true;
    const look = async () => {
      const lives = await this.#lives();
      if (!watching) return;
      if (lives) timer = setTimeout(look, SILENCE_MS);
      else giveUp(new Error('it has not said a word for a second'));
    };
    timer = setTimeout(look, SILENCE_MS);
    return () => {
      watching = false;
      clearTimeout(timer);
    };
  }

  #lives(): Promise<boolean> {
    this.#lifeSign ??= this.#askForLife().finally(() => {
      this.#lifeSign = undefined;
    });
    return this.#lifeSign;
  }

  async #askForLife(): Promise<boolean> {
    const begun = this.#options.clock();
    for (let attempt = 0; attempt < FAILURES_TO_SUSPEND; attempt++) {
      if (await this.#lifeSignWithin(LIFE_SIGN_MS)) {
        this.alive();
        return true;
      }
      this.failed();
    }
    // One that answered something else meanwhile is merely too busy for one more connection.
    return this.#heardAt > begun;
  }

  get #spokeLately(): boolean {
    return this.#options.clock() - this.#heardAt < ALIVE_MS;
  }

  #lifeSignWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const outgoing = request({
        agent: this.#options.agent,
        host: this.#host,
        port: this.#port,
        path: '/berth/alive',
      });
      const stop = afterReading(milliseconds, () => outgoing.destroy());
      const done = (lives: boolean) => {
        stop();
        resolve(lives);
      };
      outgoing.once('response', (answer) => {
        answer.resume();
        done(true);
      });
      outgoing.once('error', () => done(false));
      outgoing.end();
    });
  }
}
