import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import berth from '../package.json' with { type: 'json' };

// Runs a benchmark, and keeps what it prints in results/, with the command that made it.
// Usage: record.ts NAME [arguments of the benchmark]
const [name = '', ...args] = process.argv.slice(2);
const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
const known = Object.keys(berth.scripts).filter((key) => key.startsWith('bench:') && key !== 'bench:record');
if (!known.includes(`bench:${name}`))
  throw new Error(`There is no benchmark "${name}". There are: ${known.join(', ')}.`);

mkdirSync(new URL('results/', import.meta.url), { recursive: true });
const file = createWriteStream(new URL(`results/${name}.txt`, import.meta.url));
const day = new Date().toISOString().slice(0, 10);
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}`;
// As `npm run` gives it to one of them.
const flags = name === 'parked' ? ['--expose-gc'] : [];
const quoted = args.map((arg) => (/[\s:]/.test(arg) ? `'${arg}'` : arg));
file.write(
  `$ ${['node', ...flags, `bench/${name}.ts`, ...quoted].join(' ')}\n# ${day}, Node ${process.version}, ${machine}\n\n`,
);
const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
child.stdout.pipe(file);
child.stdout.pipe(process.stdout);
const [code] = await once(child, 'close');
process.exitCode = code ?? 1;
