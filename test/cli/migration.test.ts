import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { serveOptions } from '../../src/cli/serve.ts';
import { readServeConfig } from '../../src/config/read-config.ts';
import type { ServeConfigKey } from '../../src/config/serve-config.ts';

const PAGE = readFileSync(new URL('../../docs/migration.md', import.meta.url), 'utf8');

/** What the page says to say: in code blocks, in the text, and in the second column of the tables. */
const CALLS = [...new Set(PAGE.split('\n').flatMap(callsIn))];

function callsIn(line: string): readonly string[] {
  if (line.startsWith('berth serve ')) return [line];
  const said = line.startsWith('|') ? (line.split('|')[2] ?? '') : line;
  return [...said.matchAll(/`((?:berth serve )?--? [^`]+|berth serve [^`]+|--[a-z][^`]*)`/g)].map(
    ([, code = '']) => code,
  );
}

/** The words of a command line as a shell would take it; no more quoting than the page has. */
function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
}

test('the page names the calls that it is about', () => {
  expect(CALLS.length).toBeGreaterThan(30);
  for (const expected of ['--share', '--transport http-compat', '--session-idle-timeout 30m', '--max-event-log 0B']) {
    expect(CALLS.some((call) => call.includes(expected))).toBe(true);
  }
});

test.for(CALLS)('`%s` is something that berth serve takes', (call) => {
  const args = words(call.replace(/^berth serve /, ''));
  const dashes = args.indexOf('--');
  const own = dashes === -1 ? args : args.slice(0, dashes);
  const parser = new Command().argument('[source]').exitOverride();
  parser.configureOutput({ writeErr: () => {} });
  for (const option of serveOptions()) parser.addOption(option);
  parser.parse([...own], { from: 'user' });
  const flags = parser.opts<Partial<Record<ServeConfigKey, string | true>>>();
  expect(dashes !== -1 || Object.keys(flags).length > 0).toBe(true);
  const aboutCommands = ['share', 'passEnvironment', 'startTimeout', 'silenceTimeout'].some((key) => key in flags);
  const source = dashes !== -1 || aboutCommands ? 'command' : 'module';
  // Such as an address that is told by a word.
  const told =
    'upstream' in flags && flags['upstream'] === 'URL' ? { ...flags, upstream: 'http://127.0.0.1:1' } : flags;
  expect(() => readServeConfig({ flags: told, environment: {}, source })).not.toThrow();
});
