import { describe, expect, test } from 'vitest';
import { REVISIONS, readRequirements } from './requirements.ts';
import type { Check } from './suite.ts';
import { HELD, judge } from './verdict.ts';

const success: Check = { id: 'a', status: 'SUCCESS', specReferences: [{}], details: {} };

function problems(scenario: string, checks: readonly Check[] | undefined): readonly string[] {
  const requirements = HELD.has(scenario)
    ? { scored: [], notScored: new Map([[scenario, 'pending']]) }
    : { scored: [scenario], notScored: new Map<string, string>() };
  const results = new Map(checks === undefined ? [] : [[scenario, checks] as const]);
  const [outcome] = judge(requirements, { exitCode: 0, checks: results, output: '' });
  expect(outcome?.counts).toBe(true);
  return outcome?.problems ?? ['no outcome'];
}

describe('a scored scenario', () => {
  test('is good when something passed and nothing failed', () => {
    expect(problems('ping', [success, { ...success, status: 'WARNING' }, { ...success, status: 'INFO' }])).toEqual([]);
  });

  test.for([
    ['wrote no results', undefined],
    ['checked nothing', []],
    [
      'saw no answer',
      [
        { ...success, id: 'wire-schema-valid' },
        { ...success, status: 'WARNING' as const },
      ],
    ],
    ['was skipped', [{ ...success, status: 'SKIPPED' as const }]],
    ['failed once', [success, { ...success, status: 'FAILURE' as const }]],
    ['passed on "Tool not found"', [{ ...success, details: { result: { isError: true, content: [] } } }]],
  ] as const)('is bad when it %s', ([, checks]) => {
    expect(problems('ping', checks)).toHaveLength(1);
  });

  test('may pass on a tool that failed where that is what was asked', () => {
    expect(problems('tools-call-error', [{ ...success, details: { result: { isError: true } } }])).toEqual([]);
  });
});

describe('a scenario that only we hold', () => {
  test.for(['WARNING', 'SKIPPED', 'INFO'] as const)('is bad with one verdict of %s', (status) => {
    expect(problems('server-sse-polling', [success, { ...success, status }])).toHaveLength(1);
  });

  test('may trace what it saw', () => {
    const trace: Check = { id: 'incoming-response', status: 'INFO', details: {} };
    expect(problems('server-sse-polling', [success, trace])).toEqual([]);
  });
});

test('each scenario that we hold runs in a requirement set', async () => {
  const sets = await Promise.all(REVISIONS.map(readRequirements));
  const listed = new Set(sets.flatMap(({ notScored }) => [...notScored.keys()]));
  expect([...HELD].filter((scenario) => !listed.has(scenario))).toEqual([]);
});
