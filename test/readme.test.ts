import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readmeWithTables } from '../scripts/readme-with-tables.ts';

const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

test('the README’s tables are those of the schemas; node scripts/readme-tables.ts writes them', () => {
  expect(readme).toBe(readmeWithTables(readme));
});

test('the README shows the two commands', () => {
  expect(readme).toContain('npm ci && npm start');
  expect(readme).toContain('npm ci && npm test');
});
