import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './command.ts';

/** The certificates of a cluster that was booted for the tests; `undefined` for one that is somebody's. */
export const pki = ((): string | undefined => {
  const folder = path.join(path.dirname(process.env['KUBECONFIG'] ?? ''), 'pki');
  return existsSync(path.join(folder, 'front-proxy.key')) ? folder : undefined;
})();

/** Restarts a component of the cluster, as a crash or an upgrade would. */
export async function restart(component: string): Promise<void> {
  const outcome = await run('test/cluster/boot/cluster', ['restart', component]);
  if (outcome.code !== 0) throw new Error(`${component} was not restarted: ${outcome.stderr}`);
}

/** Stops every process of a pod where it stands, or has them go on; they live on this machine. */
export async function signalPod(uid: string, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const groups = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')));
  const found = pids.filter((_, index) => groups[index]?.includes(uid));
  if (found.length === 0) throw new Error(`No process of the pod ${uid} was found`);
  for (const pid of found) process.kill(Number(pid), signal);
}
