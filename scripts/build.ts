import { rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { imageBundle, packageBundle } from './bundles.ts';

await rm('build', { recursive: true, force: true });
await Promise.all([build(packageBundle), build(imageBundle)]);
// Without it Node would have to guess from the syntax that these are ES modules.
await writeFile('build/image/package.json', '{"type":"module"}\n');
