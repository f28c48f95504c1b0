import { build, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';
import { imageBundle } from '../../scripts/bundles.ts';

test('serving loads neither cdk8s nor a Kubernetes client from the image', async () => {
  const { metafile } = await build({ ...imageBundle, write: false, metafile: true });
  const main = outputOf(metafile, 'src/cli/main.ts');
  const halves = ['run-serve', 'run-server', 'workers/run-supervisor', 'workers/run-worker'];
  const serve = halves.map((name) => outputOf(metafile, `src/cli/${name}.ts`));
  const loaded = [...staticClosure(metafile, [main, ...serve])].flatMap((output) => {
    return Object.keys(metafile.outputs[output]?.inputs ?? {});
  });
  // Else the assertion below would hold of an empty list too.
  expect(loaded).toContain('src/server/server.ts');
  expect(loaded.filter((input) => /node_modules\/(cdk8s|constructs|@kubernetes)|^charts\//.test(input))).toEqual([]);
});

function outputOf(metafile: Metafile, entryPoint: string): string {
  const found = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entryPoint);
  if (found === undefined) throw new Error(`${entryPoint} is not loaded on its own`);
  return found[0];
}

/** The outputs that are evaluated when these are: everything but what is imported lazily. */
function staticClosure(metafile: Metafile, from: readonly string[]): Set<string> {
  const seen = new Set<string>(from);
  for (const output of seen) {
    for (const { path, kind } of metafile.outputs[output]?.imports ?? []) {
      if (kind === 'import-statement' && path in metafile.outputs) seen.add(path);
    }
  }
  return seen;
}
