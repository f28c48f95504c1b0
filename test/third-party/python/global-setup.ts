import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Installs the Python packages before the first test file; fails with the script's own words. */
export function setup(): void {
  execFileSync(fileURLToPath(new URL('./install', import.meta.url)), { stdio: ['ignore', 'ignore', 'inherit'] });
}
