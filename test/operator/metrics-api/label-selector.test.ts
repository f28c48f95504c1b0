import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLabelSelector, SelectorError } from '../../../src/operator/metrics-api/label-selector.ts';

type Labels = Record<string, string>;

const matching = (selector: string, labels: Labels) => parseLabelSelector(selector).matches(labels);

describe('a selector selects', () => {
  test.for<[selector: string, labels: Labels, selects: boolean]>([
    ['', {}, true],
    [' \t', { a: 'b' }, true],
    ['a=b', { a: 'b' }, true],
    ['a=b', { a: 'c' }, false],
    ['a=b', {}, false],
    ['a == b', { a: 'b' }, true],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a=', { a: '' }, true],
    ['a=', {}, false],
    ['a=,b=c', { a: '', b: 'c' }, true],
    ['a in (b,c)', { a: 'c' }, true],
    ['a in (b,c)', { a: 'd' }, false],
    ['a in(b)', { a: 'b' }, true],
    ['a in ()', { a: '' }, true],
    ['a in (,b)', { a: '' }, true],
    ['a in (b,)', { a: '' }, true],
    ['a in (b,,c)', { a: '' }, true],
    ['a notin (b,c)', {}, true],
    ['a notin (b,c)', { a: 'b' }, false],
    ['a notin (b,c)', { a: 'd' }, true],
    ['a', { a: '' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['! a', { a: 'b' }, false],
    ['x=a,!y,z in (q)', { x: 'a', z: 'q' }, true],
    ['x=a,!y,z in (q)', { x: 'a', y: '', z: 'q' }, false],
    [' app.kubernetes.io/name = mcp-server ,\n!b', { 'app.kubernetes.io/name': 'mcp-server' }, true],
    ['in in (in,notin)', { in: 'notin' }, true],
    ['notin=in', { notin: 'in' }, true],
    ['in', { in: '' }, true],
    ['a=b,a!=b', { a: 'b' }, false],
    ['n>5', { n: '6' }, true],
    ['n>5', { n: '5' }, false],
    ['n<5', { n: '04' }, true],
    ['n<5', { n: 'four' }, false],
    ['n>9223372036854775806', { n: '9223372036854775807' }, true],
    ['constructor', {}, false],
    ['toString!=x', {}, true],
  ])('%s of %o: %s', ([selector, labels, selects]) => {
    expect(matching(selector, labels)).toBe(selects);
  });
});

describe('no selector is', () => {
  test.for([
    ['a=b,', "found '', expected: identifier"],
    [',a', "found ',', expected: identifier"],
    ['a b', "found 'b', expected: =, ==, !=, in, notin, >, <"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['a==', undefined],
    ['a===b', "found '=', expected: identifier"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['!!a', "found '!', expected: identifier"],
    ['!', "found '', expected: identifier"],
    ['a in b', "found 'b', expected: '('"],
    ['a in', "found '', expected: '('"],
    ['a in (b', "found '', expected: ',' or ')'"],
    ['a in (b c)', "found 'c', expected: ',' or ')'"],
    ['a in ((b)', "found '(', expected: ',', ')' or identifier"],
    ['a in (b))', "found ')', expected: ',' or 'end of string'"],
    ['=b', "found '=', expected: identifier"],
    ['-a=b', "key '-a' is not a valid label key"],
    ['a/b/c', "key 'a/b/c' is not a valid label key"],
    ['/a', "key '/a' is not a valid label key"],
    ['A.example/a=b', "key 'A.example/a' is not a valid label key"],
    ['a=b/c', "value 'b/c' is not a valid label value"],
    ['a=b-', "value 'b-' is not a valid label value"],
    ['a in (b,_)', "value '_' is not a valid label value"],
    [`a=${'b'.repeat(64)}`, 'is not a valid label value'],
    [`${'a'.repeat(64)}`, 'is not a valid label key'],
    [`${'a'.repeat(254)}/b`, 'is not a valid label key'],
    ['a=ü', "value 'ü' is not a valid label value"],
    ['a=b\u0000', 'is not a valid label value'],
    ['n>x', "the value of > must be an integer. Got 'x'"],
    ['n>', "the value of > must be an integer. Got ''"],
    ['n<9223372036854775808', 'must be an integer'],
  ] as const)('%j', ([selector, message]) => {
    if (message === undefined) return expect(matching(selector, { a: '' })).toBe(true);
    expect(() => parseLabelSelector(selector)).toThrow(SelectorError);
    expect(() => parseLabelSelector(selector)).toThrow(message);
  });
});

test('the longest key and value are read', () => {
  const key = `${'a'.repeat(253)}/${'b'.repeat(63)}`;
  expect(matching(`${key}=${'c'.repeat(63)}`, { [key]: 'c'.repeat(63) })).toBe(true);
});

test('its text is canonical: by key, values in order and once', () => {
  expect(parseLabelSelector(' z , !y,b in ( d,c ,d), a==1 ,a2 != 3,e notin (f),g>1').toString()).toBe(
    'a==1,a2!=3,b in (c,d),e notin (f),g>1,!y,z',
  );
});

/** A requirement as a test has it: how it is written, and what it means, by a rule of its own. */
interface Written {
  readonly text: string;
  readonly holds: (labels: ReadonlyMap<string, string>) => boolean;
}

const key = fc.constantFrom('a', 'b', 'app.kubernetes.io/name', 'in', 'notin', 'x-y_z.0');
const value = fc.constantFrom('', '1', 'b', 'in', 'notin', 'A-b_c.d', '12');
const blank = fc.constantFrom('', ' ', '\t', '\n', '  ');
const values = fc.array(value, { minLength: 1, maxLength: 4 });

const requirement: fc.Arbitrary<Written> = fc
  .record({
    k: key,
    v: value,
    list: values,
    form: fc.constantFrom('=', '==', '!=', 'in', 'notin', 'is', 'not'),
    s: fc.array(blank, { minLength: 6, maxLength: 6 }),
  })
  .map(({ k, v, list, form, s }) => {
    const listed = list.join(`${s[3]},${s[4]}`);
    switch (form) {
      case 'is':
        return { text: `${s[0]}${k}${s[1]}`, holds: (labels) => labels.has(k) };
      case 'not':
        return { text: `${s[0]}!${s[1]}${k}`, holds: (labels) => !labels.has(k) };
      case 'in':
        return {
          text: `${k} ${s[0]}in${s[1]}(${s[2]}${listed}${s[5]})`,
          holds: (labels) => list.some((one) => labels.get(k) === one),
        };
      case 'notin':
        return {
          text: `${k} ${s[0]}notin${s[1]}(${s[2]}${listed}${s[5]})`,
          holds: (labels) => list.every((one) => labels.get(k) !== one),
        };
      case '!=':
        return { text: `${k}${s[0]}!=${s[1]}${v}`, holds: (labels) => labels.get(k) !== v };
      default:
        return { text: `${k}${s[0]}${form}${s[1]}${v}`, holds: (labels) => labels.get(k) === v };
    }
  });

const labels = fc.dictionary(key, value);

test('whatever is written selects what its parts say, and so does its canonical text', () => {
  let selected = 0;
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 4 }), labels, (written, found) => {
      const selector = parseLabelSelector(written.map(({ text }) => text).join(','));
      const expected = written.every(({ holds }) => holds(new Map(Object.entries(found))));
      if (expected) selected++;
      expect(selector.matches(found)).toBe(expected);
      const again = parseLabelSelector(selector.toString());
      expect(again.matches(found)).toBe(expected);
      expect(again.toString()).toBe(selector.toString());
    }),
    { numRuns: 2_000 },
  );
  expect(selected).toBeGreaterThan(100);
});

test('any text is a selector or an error of the selector', () => {
  const piece = fc.constantFrom('a', 'in', 'notin', '(', ')', ',', '=', '==', '!', '!=', '>', '<', ' ', '1', 'ü', '/');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      ),
      (text) => {
        try {
          parseLabelSelector(text).matches({ a: '1' });
        } catch (error) {
          expect(error).toBeInstanceOf(SelectorError);
        }
      },
    ),
    { numRuns: 3_000 },
  );
});
