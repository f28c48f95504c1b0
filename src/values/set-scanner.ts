import { findReserved } from './tree.ts';

/** Reads the text of one `--set` from left to right; `\` makes the character after it an ordinary one. */
export class Scanner {
  #at = 0;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next character, left where it is. */
  peek(): string | undefined {
    return this.#text[this.#at];
  }

  /** Passes over one character. */
  skip(): void {
    this.#at += 1;
  }

  /** The text up to one of `stops` and which one it was, or up to the end and `undefined`. */
  until(stops: string): { readonly text: string; readonly stop: string | undefined } {
    let text = '';
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at++);
      if (stops.includes(character)) return { text, stop: character };
      if (character !== '\\') text += character;
      else if (!this.atEnd) text += this.#text.charAt(this.#at++);
    }
    return { text, stop: undefined };
  }

  /** One JSON value and the comma after it; nothing at all is null, as in Helm. */
  json(): unknown {
    const rest = this.#text.slice(this.#at);
    const empty = /^\s*(?:,|$)/.exec(rest);
    if (empty !== null) {
      this.#at += empty[0].length;
      return null;
    }
    // The value ends at the first comma, or the end, up to which the text is complete JSON.
    for (let end = rest.indexOf(','); ; end = rest.indexOf(',', end + 1)) {
      const candidate = end === -1 ? rest : rest.slice(0, end);
      const value = parseJson(candidate);
      if (value !== undefined) {
        this.#at += end === -1 ? rest.length : end + 1;
        const reserved = findReserved(value.parsed);
        if (reserved !== undefined) throw new SyntaxError(`${reserved} is not a name that values may have`);
        return value.parsed;
      }
      if (end === -1) throw new SyntaxError(`"${rest}" does not begin with a JSON value`);
    }
  }
}

function parseJson(text: string): { readonly parsed: unknown } | undefined {
  try {
    return { parsed: JSON.parse(text) };
  } catch {
    // Not complete yet: the comma was inside the value.
    return undefined;
  }
}
