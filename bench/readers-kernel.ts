import { readFileSync } from 'node:fs';

/**
 * Bytes that wait in the kernel's socket buffers of the connections with a port of this machine: sent and not
 * acknowledged, and received and not read. What the buffers themselves take comes on top. Linux and IPv4 only.
 */
export function kernelBytes(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  return lines.reduce((sum, line) => {
    const [, local = '', remote = '', state = '', queues = ''] = line.trim().split(/\s+/);
    const listening = state === '0A';
    if (listening || !(local.endsWith(suffix) || remote.endsWith(suffix))) return sum;
    const [sent = 0, received = 0] = queues.split(':').map((hex) => Number.parseInt(hex, 16));
    return sum + sent + received;
  }, 0);
}
