import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { applySet, type SetMode, typedValue } from '../../src/values/set.ts';
import type { Tree } from '../../src/values/tree.ts';

const TYPED: SetMode = { kind: 'text', read: typedValue };
const TEXT: SetMode = { kind: 'text', read: (text) => text };
const JSON_VALUES: SetMode = { kind: 'json' };

function set(assignment: string, mode: SetMode = TYPED, tree: Tree = {}): Tree {
  applySet(tree, assignment, mode);
  return tree;
}

describe('--set reads what Helm reads', () => {
  test.each<[string, Tree]>([
    ['name1=null,f=false,t=true', { name1: null, f: false, t: true }],
    ['a=TRUE,b=Null', { a: true, b: null }],
    ['name1=value1', { name1: 'value1' }],
    ['name1=value1,name2=value2', { name1: 'value1', name2: 'value2' }],
    ['name1=value1,name2=value2,', { name1: 'value1', name2: 'value2' }],
    ['name1=,name2=value2', { name1: '', name2: 'value2' }],
    ['leading_zeros=00009', { leading_zeros: '00009' }],
    ['zero_int=0', { zero_int: 0 }],
    ['long_int=1234567890', { long_int: 1234567890 }],
    ['signed=-5,plus=+5', { signed: -5, plus: 5 }],
    ['too_long_for_javascript=9007199254740993', { too_long_for_javascript: '9007199254740993' }],
    ['a=1.5,b=1e3', { a: '1.5', b: '1e3' }],
    ['name1=one\\,two,name2=three\\,four', { name1: 'one,two', name2: 'three,four' }],
    ['name1=one\\=two,name2=three\\=four', { name1: 'one=two', name2: 'three=four' }],
    ['name1=one=two', { name1: 'one=two' }],
    ['n\\.o=1', { 'n.o': 1 }],
    ['name1=one two three,name2=three two one', { name1: 'one two three', name2: 'three two one' }],
    ['outer.inner=value', { outer: { inner: 'value' } }],
    ['outer.middle.inner=value', { outer: { middle: { inner: 'value' } } }],
    ['outer.inner1=value,outer.middle.inner=value', { outer: { inner1: 'value', middle: { inner: 'value' } } }],
    ['name1.name2=', { name1: { name2: '' } }],
    ['name1={value1,value2}', { name1: ['value1', 'value2'] }],
    ['name1={value1,value2},name2={value1,value2}', { name1: ['value1', 'value2'], name2: ['value1', 'value2'] }],
    ['name1={1021,902}', { name1: [1021, 902] }],
    ['name1.name2={value1,value2}', { name1: { name2: ['value1', 'value2'] } }],
    ['list[0]=foo', { list: ['foo'] }],
    ['list[0].foo=bar', { list: [{ foo: 'bar' }] }],
    ['list[0].foo=bar,list[0].hello=world', { list: [{ foo: 'bar', hello: 'world' }] }],
    ['list[0]=foo,list[1]=bar', { list: ['foo', 'bar'] }],
    ['list[0]=foo,list[1]=bar,', { list: ['foo', 'bar'] }],
    ['list[0]=foo,list[3]=bar', { list: ['foo', null, null, 'bar'] }],
    ['list[0]={a,b}', { list: [['a', 'b']] }],
    ['noval[0]', { noval: [] }],
    ['noval[0]=', { noval: [''] }],
    ['nested[0][0]=1', { nested: [[1]] }],
    ['nested[1][1]=1', { nested: [null, [null, 1]] }],
    ['name1.name2[0].foo=bar,name1.name2[1].foo=bar', { name1: { name2: [{ foo: 'bar' }, { foo: 'bar' }] } }],
    ['name1.name2[1].foo=bar,name1.name2[0].foo=bar', { name1: { name2: [{ foo: 'bar' }, { foo: 'bar' }] } }],
    ['name1.name2[1].foo=bar', { name1: { name2: [null, { foo: 'bar' }] } }],
    ['', {}],
  ])('%s', (assignment, expected) => {
    expect(set(assignment)).toEqual(expected);
  });
});

test.each([
  'name1=value1,,,,name2=value2,',
  'name1,name2=',
  'name1,name2=value2',
  'name1,name2=value2\\',
  'name1,name2',
  'name1.name2',
  'name1.name2,name1.name3',
  'name1.=name2',
  'name1.,name2',
  'name1={1021,902',
  'list[0].foo=bar,list[-30].hello=world',
  'list[0]=foo,list[-20]=bar',
  'list[x]=1',
  'list[0',
  'illegal[0]name.foo=bar',
  ']={}].',
  'list[65537]=1',
  'a',
  'a,b=1',
  'a=1,a.b=2',
  'a={x},a.b=2',
  'a=1,a[0]=2',
  '__proto__.x=1',
  'a.constructor=1',
  'a[0].prototype.x=1',
  `${'a.'.repeat(31)}b=1`,
])('--set %s is an error that says which assignment it was', (assignment) => {
  expect(() => set(assignment)).toThrow(UsageError);
  expect(() => set(assignment)).toThrow(`--set ${assignment}: `);
});

test('a name may be 30 dots deep, and an index may be 65536', () => {
  expect(Object.keys(set(`${'a.'.repeat(30)}b=1`))).toEqual(['a']);
  expect(set('list[65536]=1')['list']).toHaveLength(65537);
});

test('--set-string makes text of everything', () => {
  expect(set('long=1234567890,yes=true,none=null,zero=0,list={1,2}', TEXT)).toEqual({
    long: '1234567890',
    yes: 'true',
    none: 'null',
    zero: '0',
    list: ['1', '2'],
  });
});

test.each<[string, Tree, Tree]>([
  [
    'outer.inner1="1",outer.inner3=3,outer.inner4=true,outer.inner5="true"',
    { outer: { inner1: 'overwrite', inner2: 'value2' } },
    { outer: { inner1: '1', inner2: 'value2', inner3: 3, inner4: true, inner5: 'true' } },
  ],
  [
    'outer.inner1={"a":"1","b":2,"c":[1,2,3]},outer.inner3=["new value 1","new value 2"]',
    { outer: { inner1: { x: 'overwrite' }, inner3: ['overwrite'] } },
    { outer: { inner1: { a: '1', b: 2, c: [1, 2, 3] }, inner3: ['new value 1', 'new value 2'] } },
  ],
  [
    'outer.inner1=,outer.inner3={"aa":"1","cc":[1,2,3]},outer.inner3.cc[1]=null',
    { outer: { inner1: { x: 'overwrite' } } },
    { outer: { inner1: null, inner3: { aa: '1', cc: [1, null, 3] } } },
  ],
  ['a="x,y" , b=1.5', {}, { a: 'x,y', ' b': 1.5 }],
])('--set-json %s', (assignment, before, after) => {
  expect(set(assignment, JSON_VALUES, before)).toEqual(after);
});

test.each(['a={"b":1}]', 'a=[1', 'a=yes', 'a={"__proto__":{"x":1}}'])('--set-json %s is an error', (assignment) => {
  expect(() => set(assignment, JSON_VALUES)).toThrow(UsageError);
});

test.each<[string, string, Tree, Tree]>([
  [
    'outer.inner1=value1,outer.inner3=value3,outer.inner4=4',
    '',
    { outer: { inner1: 'overwrite', inner2: 'value2' } },
    { outer: { inner1: 'value1', inner2: 'value2', inner3: 'value3', inner4: 4 } },
  ],
  ['l[0][0].type=a', 'l[0][0].status=b', {}, { l: [[{ type: 'a', status: 'b' }]] }],
  ['l[0][0].type=a', 'l[1][0].status=b', {}, { l: [[{ type: 'a' }], [{ status: 'b' }]] }],
  [
    'l[0][1][0].type=a',
    'l[0][0][1].status=b',
    { l: [[[{ exited: 'old' }]]] },
    { l: [[[{ exited: 'old' }, { status: 'b' }], [{ type: 'a' }]]] },
  ],
  ['a=null', 'a.b=1', { a: { c: 2 } }, { a: { b: 1 } }],
])('%s and then %s change what is there already', (first, second, before, after) => {
  applySet(before, first, TYPED);
  applySet(before, second, TYPED);
  expect(before).toEqual(after);
});
