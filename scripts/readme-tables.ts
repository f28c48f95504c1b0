import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readmeWithTables } from './readme-with-tables.ts';

/** Writes the README's tables anew from the schemas. Usage: node scripts/readme-tables.ts */
const path = fileURLToPath(new URL('../README.md', import.meta.url));
writeFileSync(path, readmeWithTables(readFileSync(path, 'utf8')));
