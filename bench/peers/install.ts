import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const INSTALLED = path('node_modules/installed');
const PYTHON_INSTALL = path('../../test/third-party/python/install');

/** Installs the pinned npm packages of the peers beside this file, once per content of the lock file. */
export function installNpmPackages(): void {
  const key = createHash('sha256')
    .update(readFileSync(path('package-lock.json')))
    .digest('hex');
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === key) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  // Standard output is the benchmark's.
  execFileSync('npm', args, { cwd: path('.'), stdio: ['ignore', 2, 2] });
  writeFileSync(INSTALLED, key);
}

/** Installs the Python packages that the third-party tests pin, once per content of their list. */
export function installPythonPackages(): void {
  execFileSync(PYTHON_INSTALL, { stdio: ['ignore', 'ignore', 'inherit'] });
}

if (import.meta.main) {
  installNpmPackages();
  installPythonPackages();
}
