import { validKey, validValue } from './label-syntax.ts';

type Binary = '=' | '==' | '!=' | 'in' | 'notin' | '>' | '<';

/** One of the conditions that a selector joins with commas. */
export interface Requirement {
  readonly key: string;
  readonly operator: Binary | 'exists' | '!';
  /** Sorted, each once; of `=` and its like exactly one, of `exists` and `!` none. */
  readonly values: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** A selector that can not be read; the message completes a sentence about it. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/** Reads Kubernetes' label selector syntax, as `kubectl --selector` takes it; throws a `SelectorError`. */
export function parseLabelSelector(text: string): LabelSelector {
  const tokens = tokensOf(text);
  const requirements: Requirement[] = [];
  if (tokens.length === 0) return new LabelSelector(requirements);
  const reader = new Reader(tokens);
  do requirements.push(readRequirement(reader));
  while (reader.takes(','));
  reader.expect(undefined, "',' or 'end of string'");
  return new LabelSelector(requirements);
}

/** Conditions that labels have to meet, all of them; without any, everything does. */
export class LabelSelector {
  /** By their keys. */
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    this.requirements = requirements.toSorted((a, b) => compare(a.key, b.key));
  }

  /** May be passed on without its object. */
  readonly matches = (labels: Labels): boolean => this.requirements.every((requirement) => meets(requirement, labels));

  /** The canonical text. */
  toString(): string {
    return this.requirements.map(print).join(',');
  }
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case '>':
    case '<':
      return exceeds(operator, value, values[0]);
    default:
      return value !== undefined && values.includes(value);
  }
}

function exceeds(operator: '>' | '<', value = '', bound = ''): boolean {
  if (!isInteger(value) || !isInteger(bound)) return false;
  return operator === '>' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

function print({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    default:
      return `${key}${operator}${values[0]}`;
  }
}

function readRequirement(reader: Reader): Requirement {
  const absent = reader.takes('!');
  const key = reader.word('identifier');
  check('key', key, validKey(key));
  if (absent) return { key, operator: '!', values: [] };
  if (reader.next === undefined || reader.next === ',') return { key, operator: 'exists', values: [] };
  const operator = reader.operator();
  const values = operator === 'in' || operator === 'notin' ? readValues(reader) : [readValue(reader)];
  for (const value of values) {
    check('value', value, validValue(value));
    if ((operator === '>' || operator === '<') && !isInteger(value)) {
      throw new SelectorError(`the value of ${operator} must be an integer. Got '${value}'`);
    }
  }
  return { key, operator, values: [...new Set(values)].sort(compare) };
}

/** Nothing stands for the empty value. */
function readValue(reader: Reader): string {
  return reader.next === undefined || reader.next === ',' ? '' : reader.word('identifier');
}

/** Between two commas, too, nothing stands for the empty value. */
function readValues(reader: Reader): string[] {
  reader.expect('(', "'('");
  const values: string[] = [];
  do values.push(reader.next === ',' || reader.next === ')' ? '' : reader.word("',', ')' or identifier"));
  while (reader.takes(','));
  reader.expect(')', "',' or ')'");
  return values;
}

const OPERATORS: readonly string[] = ['=', '==', '!=', 'in', 'notin', '>', '<'] satisfies Binary[];

/** Takes one token after the other. `in` and `notin` are words as well: only where an operator is due are they one. */
class Reader {
  readonly #tokens: readonly string[];
  #position = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  /** `undefined` at the end. */
  get next(): string | undefined {
    return this.#tokens[this.#position];
  }

  takes(token: string): boolean {
    const found = this.next === token;
    if (found) this.#position++;
    return found;
  }

  expect(token: string | undefined, expected: string): void {
    if (this.next !== token) throw this.#unlike(expected);
    this.#position++;
  }

  word(expected: string): string {
    const word = this.next;
    if (word === undefined || SYMBOL.test(word)) throw this.#unlike(expected);
    this.#position++;
    return word;
  }

  operator(): Binary {
    const operator = this.next;
    if (operator === undefined || !OPERATORS.includes(operator)) throw this.#unlike(OPERATORS.join(', '));
    this.#position++;
    return operator as Binary;
  }

  #unlike(expected: string): SelectorError {
    return new SelectorError(`found '${this.next ?? ''}', expected: ${expected}`);
  }
}

const SYMBOL = /^[=!(),<>]/;
const TOKEN = /==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g;

function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

function check(what: string, found: string, valid: boolean): void {
  if (!valid) throw new SelectorError(`${what} '${found}' is not a valid label ${what}`);
}

/** Of 64 bits, as Kubernetes compares labels, and without a sign: labels begin with a letter or a digit. */
function isInteger(text: string): boolean {
  return /^\d+$/.test(text) && BigInt(text) < 2n ** 63n;
}

/** By code units, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
