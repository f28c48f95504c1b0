import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

/** The files that a module loads, directly or not, and the packages that they load; types are no loads. */
function loads(entry: string, seen = new Set<string>(), packages = new Set<string>()) {
  if (seen.has(entry)) return { files: seen, packages };
  seen.add(entry);
  for (const [, clause = '', from = ''] of readFileSync(entry, 'utf8').matchAll(
    /^(?:import|export) (type )?[^;]*?from '([^']+)';/gm,
  )) {
    if (clause !== '') continue;
    if (from.startsWith('.')) loads(join(dirname(entry), from), seen, packages);
    else packages.add(from);
  }
  return { files: seen, packages };
}

test.each(['charts/render.ts', 'charts/operator/fleet-definition.ts'])(
  '%s knows no file system, no cluster and no cdk8s, so that an operator can call it',
  (entry) => {
    const { files, packages } = loads(entry);
    expect([...packages]).toEqual(['zod']);
    expect(files.size).toBeGreaterThan(15);
  },
);

test('charts and values import nothing of the server, the operator or the command line', () => {
  const { files } = loads('charts/index.ts');
  const folders = new Set([...files].map((file) => file.split('/').slice(0, -1).join('/')));
  expect(folders).toEqual(new Set(['charts', 'charts/operator', 'src/config', 'src/values']));
});
