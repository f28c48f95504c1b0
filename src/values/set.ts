import { UsageError } from '../config/problems.ts';
import { Scanner } from './set-scanner.ts';
import { isReserved, isTree, own, type Tree } from './tree.ts';

/** Turns the text after `=` into a value. */
export type ReadValue = (text: string) => unknown;

/** The kind of value that a `--set…` flag takes after `=`. */
export type SetMode = { readonly kind: 'text'; readonly read: ReadValue } | { readonly kind: 'json' };

/** Helm's bounds: a list that long, or a name that deep, is a mistake and would cost memory. */
const HIGHEST_INDEX = 65_536;
const DEEPEST_NAME = 30;

/** Applies one `name=value,other[0].name=value` in Helm's syntax to `tree`, in place. */
export function applySet(tree: Tree, assignment: string, mode: SetMode, flag = '--set'): void {
  const scanner = new Scanner(assignment);
  try {
    while (!scanner.atEnd) setKey(tree, scanner, mode, 0);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError([`${flag} ${assignment}: ${error.message}.`]);
    throw error;
  }
}

function setKey(map: Tree, scanner: Scanner, mode: SetMode, depth: number): void {
  const { text: key, stop } = scanner.until('=[,.');
  if (isReserved(key)) throw new SyntaxError(`${key} is not a name that values may have`);
  switch (stop) {
    case '=':
      assign(map, key, readValue(scanner, mode));
      return;
    case '[':
      assign(map, key, setItem(listAt(own(map, key), key), scanner, mode, depth));
      return;
    case '.': {
      if (depth + 1 > DEEPEST_NAME) throw new SyntaxError(`names may be at most ${DEEPEST_NAME} levels deep`);
      const inner = mapAt(own(map, key), key);
      setKey(inner, scanner, mode, depth + 1);
      if (Object.keys(inner).length === 0) throw new SyntaxError(`"${key}." has no name after the dot`);
      assign(map, key, inner);
      return;
    }
    default:
      throw new SyntaxError(`"${key}" has no value; write ${key === '' ? 'name' : key}=VALUE`);
  }
}

function setItem(list: unknown[], scanner: Scanner, mode: SetMode, depth: number): unknown[] {
  const index = readIndex(scanner);
  const { text: rest, stop } = scanner.until('[.=');
  if (rest !== '') throw new SyntaxError(`"${rest}" follows an index; only [, . or = may`);
  if (stop === undefined) return list;
  const current = list[index];
  const item =
    stop === '='
      ? readValue(scanner, mode)
      : stop === '['
        ? setItem(listAt(current, `[${index}]`), scanner, mode, depth)
        : setInner(isTree(current) ? current : {}, scanner, mode, depth);
  while (list.length < index) list.push(null);
  list[index] = item;
  return list;
}

function setInner(map: Tree, scanner: Scanner, mode: SetMode, depth: number): Tree {
  setKey(map, scanner, mode, depth);
  return map;
}

function readIndex(scanner: Scanner): number {
  const { text, stop } = scanner.until(']');
  if (stop === undefined || !/^[+-]?\d+$/.test(text)) throw new SyntaxError(`[${text} is not an index such as [0]`);
  const index = Number(text);
  if (index < 0) throw new SyntaxError(`an index must be at least 0. Got ${text}`);
  if (index > HIGHEST_INDEX) throw new SyntaxError(`an index must be at most ${HIGHEST_INDEX}. Got ${text}`);
  return index;
}

function readValue(scanner: Scanner, mode: SetMode): unknown {
  if (mode.kind === 'json') return scanner.json();
  if (scanner.peek() !== '{') return mode.read(scanner.until(',').text);
  scanner.skip();
  const list: unknown[] = [];
  for (;;) {
    const { text, stop } = scanner.until(',}');
    if (stop === undefined) throw new SyntaxError('a list must end with }');
    list.push(mode.read(text));
    if (stop === ',') continue;
    if (scanner.peek() === ',') scanner.skip();
    return list;
  }
}

/** Helm sets nothing for an empty name. */
function assign(map: Tree, key: string, value: unknown): void {
  if (key !== '') map[key] = value;
}

function mapAt(value: unknown, name: string): Tree {
  if (value === undefined || value === null) return {};
  if (isTree(value)) return value;
  throw new SyntaxError(`${name} is ${Array.isArray(value) ? 'a list' : JSON.stringify(value)} and has no names in it`);
}

function listAt(value: unknown, name: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new SyntaxError(`${name} is ${isTree(value) ? 'a map' : JSON.stringify(value)} and has no indexes`);
}

/** Helm's types for `--set`: true, false, null and integers without leading zeros; everything else is text. */
export function typedValue(text: string): unknown {
  const lower = text.toLowerCase();
  if (lower === 'true' || lower === 'false') return lower === 'true';
  if (lower === 'null') return null;
  if (text === '0') return 0;
  if (!/^[+-]?\d+$/.test(text) || text.startsWith('0')) return text;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number + 0 : text;
}
