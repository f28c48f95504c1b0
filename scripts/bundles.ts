import type { BuildOptions } from 'esbuild';

/**
 * CommonJS dependencies call `require`, which ES modules lack. The names are unusual because minified code next to
 * them uses every short one.
 */
const REQUIRE_BANNER =
  "import { createRequire as __berthCreateRequire } from 'node:module';const require = __berthCreateRequire(import.meta.url);";

const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  // Chunks keep what a command imports lazily out of every other command's start.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

/** The published package: our own sources only, since npm installs the dependencies. */
export const packageBundle = {
  ...common,
  entryPoints: {
    'cli/main': 'src/cli/main.ts',
    index: 'src/sources/define-server.ts',
    charts: 'charts/index.ts',
  },
  outdir: 'build/package',
  packages: 'external',
  target: 'node24.21',
} satisfies BuildOptions;

/** The image: everything inside, so that it holds neither npm nor node_modules. */
export const imageBundle = {
  ...common,
  entryPoints: { 'cli/main': 'src/cli/main.ts' },
  outdir: 'build/image',
  banner: { js: REQUIRE_BANNER },
  minify: true,
  keepNames: true,
  target: 'node24',
} satisfies BuildOptions;
