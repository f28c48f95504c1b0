import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Which parts a part may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/protocol': [],
  'src/config': [],
  'src/values': ['src/config'],
  'src/fleet': ['src/config'],
  'src/sources': ['src/protocol', 'src/config', 'examples'],
  'src/stores': ['src/config', 'src/fleet'],
  'src/server': ['src/protocol', 'src/config', 'src/fleet', 'src/sources', 'src/stores'],
  'src/kube': ['src/config'],
  charts: ['src/config', 'src/values'],
  'src/operator': ['src/config', 'src/values', 'src/kube', 'charts'],
  'src/load': ['src/protocol', 'src/config'],
  'src/cli': [
    ...['src/config', 'src/values', 'src/server', 'src/sources', 'src/fleet'],
    ...['src/kube', 'src/operator', 'src/load', 'charts'],
  ],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = ['src', 'charts', 'examples'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm);
  return [...statements].map(([, type, to, bare]) => {
    const target = to ?? bare ?? '';
    return {
      from: file,
      to: target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target,
      typeOnly: type !== undefined,
    };
  });
}

const imports = files.flatMap(importsOf);
const partOf = (file: string) => Object.keys(MAY_IMPORT).find((part) => file.startsWith(`${part}/`));

describe('imports point one way', () => {
  test.for(Object.entries(MAY_IMPORT))('%s', ([part, allowed]) => {
    const crossing = imports.filter(
      ({ from, to }) => partOf(from) === part && /^(src|charts|examples|test)\//.test(to) && partOf(to) !== part,
    );
    const wrong = crossing.filter(({ to }) => !allowed.some((other) => to.startsWith(`${other}/`)));
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });
});

test('there are imports to look at', () => {
  expect(imports.length).toBeGreaterThan(200);
});

test('what serves does not load cdk8s or a Kubernetes client, nor what only --max-connections auto needs', () => {
  const loaded = new Set<string>();
  const visit = (file: string) => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const { to, typeOnly } of imports.filter(({ from }) => from === file)) if (!typeOnly) visit(to);
  };
  visit('src/cli/main.ts');
  for (const name of ['run-serve', 'run-server', 'workers/run-supervisor', 'workers/run-worker'])
    visit(`src/cli/${name}.ts`);
  expect(loaded).toContain('src/server/server.ts');
  const heavy = [...loaded].filter((name) =>
    /^(cdk8s|constructs|@kubernetes\/)|^charts\/|^src\/server\/auto-cap\//.test(name),
  );
  expect(heavy).toEqual([]);
});
