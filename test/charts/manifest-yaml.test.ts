import { describe, expect, test } from 'vitest';
import { manifestYaml } from '../../charts/manifest-yaml.ts';

describe('text that the YAML of kubectl would read as a number is quoted, as a value and as a key', () => {
  const octal = ['0o7', '0o17', '0O17', '+0o7', '-0o7', '0o755', '0755', '0o1_7', '0o-7'];
  const others = [
    '0X1F',
    '0x1f',
    '0B1',
    '0b1',
    '-0b1',
    '0b+1',
    '1e1_0',
    '1e0_',
    '-_1',
    '+_1',
    '1_000',
    '1',
    '-1',
    '+1',
  ];
  const floats = ['1.', '.5', '-.5', '1.5', '1e3', '1E+3', '1.5e-3', '.inf', '-.Inf', '.NaN'];
  const words = ['y', 'No', 'on', 'OFF', 'true', 'null', '~', '', '1:30', '2001-01-01'];
  test.each([...octal, ...others, ...floats, ...words])('%j', (text) => {
    expect(manifestYaml([{ a: text }])).toBe(`a: ${JSON.stringify(text)}\n`);
    expect(manifestYaml([{ [text]: 'a' }])).toBe(`${JSON.stringify(text)}: a\n`);
  });
});

describe('text that no YAML takes for anything else stays without quotes, as cdk8s writes it', () => {
  test.each(['25%', '100m', '0s', '1.2.3', 'v1', '0o8x', '0xg', '1e', '10.0.0.0/8', '--port=1', 'a_1'])(
    '%s',
    (text) => {
      expect(manifestYaml([{ a: text }])).toBe(`a: ${text}\n`);
    },
  );
});

test.each([
  ['a\u0085b', String.raw`a: "a\u0085b"`],
  ['a\u2028b', String.raw`a: "a\u2028b"`],
  ['a\u2029b', String.raw`a: "a\u2029b"`],
  ['\u2028', String.raw`a: "\u2028"`],
  ['\ufeffa', String.raw`a: "\ufeffa"`],
  ['a\u007fb', String.raw`a: "a\u007fb"`],
])('%j is written as an escape: Go’s reader would break the line there, or refuse it', (text, line) => {
  expect(manifestYaml([{ a: text }])).toBe(`${line}\n`);
});

test.each(['\ta\n', '\n\ta\n', '\n'])('%j is quoted: Go would take the blanks for indentation', (text) => {
  expect(manifestYaml([{ a: text }])).toBe(`a: ${JSON.stringify(text)}\n`);
  expect(manifestYaml([{ a: 'all:\n\ttrue\n' }])).toBe('a: |\n  all:\n  \ttrue\n');
});

test('numbers stay numbers, and documents are set apart', () => {
  expect(manifestYaml([{ a: 1 }, { b: [0.5, true, null] }])).toBe('a: 1\n---\nb:\n  - 0.5\n  - true\n  - null\n');
});
