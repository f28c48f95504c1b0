import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const INSIDE = 'BENCH_OWN_NETWORK';

/**
 * Runs the script again, in a network of its own whose TCP sockets hold at most so many KiB to send, and a quarter of it to
 * receive, and ends with its exit code; returns inside of it. Both ends of a connection are in one kernel here: without a
 * bound, a thousand readers that do not read use up all the memory it has for TCP, and every write then takes 60 ms. Linux;
 * as root, or where users may make namespaces.
 */
export async function inOwnNetwork(script: string, socketKib: number): Promise<void> {
  if (process.env[INSIDE] !== undefined) return;
  const bytes = socketKib * 1_024;
  const steps = [
    'ip link set lo up',
    `echo "4096 ${bytes / 16} ${bytes / 4}" > /proc/sys/net/ipv4/tcp_rmem`,
    `echo "4096 16384 ${bytes}" > /proc/sys/net/ipv4/tcp_wmem`,
    'exec "$@"',
  ];
  const again = [process.execPath, ...process.execArgv, fileURLToPath(script), ...process.argv.slice(2)];
  const child = spawn('unshare', ['--map-root-user', '--net', 'sh', '-ec', steps.join('\n'), 'sh', ...again], {
    env: { ...process.env, [INSIDE]: '1' },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.exit(code ?? 1);
}
