import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import berth from '../package.json' with { type: 'json' };

// Runs a benchmark, and keeps what it prints in results/, with the command that made it.
// Usage: record.ts NAME [arguments of the benchmark]
const [name = '', ...args] = process.argv.slice(2);
const commands = new Map(Object.entries(berth.scripts).filter(([key]) => /^bench:(?!record$)/.test(key)));
const command = commands.get(`bench:${name}`);
if (command === undefined) {
  throw new Error(`There is no benchmark "${name}". There are: ${[...commands.keys()].join(', ')}.`);
}

mkdirSync(new URL('results/', import.meta.url), { recursive: true });
const file = createWriteStream(new URL(`results/${name}.txt`, import.meta.url));
const day = new Date().toISOString().slice(0, 10);
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}`;
const quoted = args.map((arg) => (/[\s:]/.test(arg) ? `'${arg}'` : arg));
file.write(`$ ${[command, ...quoted].join(' ')}\n# ${day}, Node ${process.version}, ${machine}\n\n`);
// `npm run` would start the same Node, in the same folder.
const child = spawn(process.execPath, [...command.split(' ').slice(1), ...args], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: ['ignore', 'pipe', 'inherit'],
});
child.stdout.pipe(file);
child.stdout.pipe(process.stdout);
const [code] = await once(child, 'close');
process.exitCode = code ?? 1;
