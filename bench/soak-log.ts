import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const WARN = 40;
/** A refusal reaches its client later than the line that says why. */
const LATE_MS = 2_000;

/** What a server says on stderr that is no information: its warnings and errors, and what is no line of its log. */
export class SoakLog {
  /** How often it said what. */
  readonly counts = new Map<string, number>();
  #shortUntil = 0;

  constructor(stderr: Readable) {
    createInterface({ input: stderr }).on('line', (line) => {
      const { text, serious } = lineOf(line);
      if (text.startsWith('Short of ')) this.#shortUntil = Number.POSITIVE_INFINITY;
      if (text.startsWith('No longer short of ')) this.#shortUntil = performance.now() + LATE_MS;
      if (serious) this.counts.set(text, (this.counts.get(text) ?? 0) + 1);
    });
  }

  /** Whether it has said that it has no time or memory for new clients. */
  get short(): boolean {
    return performance.now() < this.#shortUntil;
  }
}

function lineOf(line: string): { readonly text: string; readonly serious: boolean } {
  try {
    const { level, msg, err } = JSON.parse(line) as { level: number | string; msg: string; err?: { message?: string } };
    const serious = typeof level === 'number' ? level >= WARN : ['warn', 'error', 'fatal'].includes(level);
    return { text: `${msg}${err?.message === undefined ? '' : `: ${err.message}`}`, serious };
  } catch {
    // Node's own, such as that an emitter has too many listeners; the process id says nothing.
    return { text: line.replace(/^\(node:\d+\)/, '(node)'), serious: true };
  }
}
