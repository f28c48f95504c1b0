import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Response } from './response.ts';
import { bare, type Observed, type SentRequest, type Side, type Step } from './script.ts';

/** Long enough for a call that becomes a stream because its answer is late. */
const LIMIT_MS = 4_000;

/** Does one step after the other, ends the sessions that were opened, and answers with what came for each request. */
export async function play(side: Side, steps: readonly Step[]): Promise<readonly Observed[]> {
  const player = new Player(side);
  for (const step of steps) await player.take(step);
  return await player.finish();
}

class Player {
  readonly #side: Side;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #responses: Response[] = [];

  constructor(side: Side) {
    this.#side = side;
  }

  async take(step: Step): Promise<void> {
    if ('send' in step) this.#send(step.send);
    else if ('opened' in step) await this.#until(step.opened, ({ status }) => status !== undefined);
    else if ('heard' in step) await this.#until(step.heard, ({ messages }) => messages.length >= step.messages);
    else if ('leave' in step) this.#at(step.leave).leave();
    else if ('ended' in step) {
      await this.#until(step.ended, ({ over }) => over);
      await this.#side.between?.();
    } else if ('resume' in step) {
      const lastEventId = this.#at(step.resume).eventId(step.without ?? 0);
      await this.#until(
        this.#send(bare('GET', { 'last-event-id': lastEventId })),
        ({ status }) => status !== undefined,
      );
    } else {
      await this.#holding(step.holding);
    }
  }

  async finish(): Promise<readonly Observed[]> {
    for (const response of this.#responses) response.endSession();
    for (const id of new Set(this.#responses.flatMap(({ sessionId }) => sessionId ?? []))) {
      const ended = new Response(this.#side.url, { method: 'DELETE', headers: { 'mcp-session-id': id } }, this.#agent);
      await ended.until(({ over }) => over, LIMIT_MS);
    }
    await Promise.all(this.#responses.map((response) => response.until(({ over }) => over, LIMIT_MS)));
    this.#agent.destroy();
    return this.#responses.map((response) => response.observed());
  }

  #send({ method, headers, body }: SentRequest): number {
    const named = Object.entries(headers).map(([name, value]) => [name, this.#named(value)] as const);
    const asked = body?.replace(/"\$asked:(\d+)"/g, (_, index) => JSON.stringify(this.#at(Number(index)).asked));
    const sent = { method, headers: Object.fromEntries(named), ...(asked !== undefined && { body: asked }) };
    return this.#responses.push(new Response(this.#side.url, sent, this.#agent)) - 1;
  }

  #at(index: number): Response {
    const response = this.#responses[index];
    if (response === undefined) throw new Error(`Request ${index} was not sent yet.`);
    return response;
  }

  async #holding(count: number): Promise<void> {
    const limit = performance.now() + LIMIT_MS;
    while (this.#side.notes.holding !== count && performance.now() < limit) await sleep(2);
  }

  async #until(index: number, holds: (response: Response) => boolean): Promise<void> {
    await this.#at(index).until(holds, LIMIT_MS);
  }

  /** `$0` is the id of the session that request 0 opened. */
  #named(value: string): string {
    const [, index] = /^\$(\d+)$/.exec(value) ?? [];
    return index === undefined ? value : (this.#at(Number(index)).sessionId ?? 'none');
  }
}
