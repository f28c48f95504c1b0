import { readFile } from 'node:fs/promises';

/** Bytes of memory that a process on this Linux machine has resident. */
export async function memoryOfProcess(pid: number): Promise<number> {
  const path = `/proc/${pid}/status`;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new Error(`The memory of process ${pid} could not be read: ${error.message}`);
  });
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kilobytes === undefined) throw new Error(`${path} names no VmRSS: process ${pid} has ended, or is the kernel's.`);
  return Number(kilobytes) * 1024;
}

/** Bytes of memory that a server has resident, by the admin port of berth's; of several workers all together. */
export async function memoryOfServer(admin: string): Promise<number> {
  const url = new URL('/metrics', admin);
  const answer = await fetch(url).catch((error: Error) => {
    throw new Error(`${url} could not be read: ${(error.cause as Error | undefined)?.message ?? error.message}`);
  });
  const value = /^process_resident_memory_bytes ([\d.e+]+)$/m.exec(await answer.text())?.[1];
  if (value === undefined)
    throw new Error(`${url} answered ${answer.status} and names no process_resident_memory_bytes.`);
  return Number(value);
}
