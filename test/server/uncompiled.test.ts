import { expect, test } from 'vitest';
import { config } from 'zod';
import { uncompiled } from '../../src/server/modern/uncompiled.ts';

test.for([undefined, false, true])('zod is told for as long as it takes, and as before (%s) after that', (before) => {
  config({ jitless: before });
  expect(uncompiled(() => config().jitless)).toBe(true);
  expect(config().jitless).toBe(before);
  expect(() => uncompiled(() => JSON.parse('{'))).toThrow(SyntaxError);
  expect(config().jitless).toBe(before);
});
