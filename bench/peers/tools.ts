/** The first five have names of their own; what comes after them is numbered. */
const NAMES = ['echo', 'reverse', 'length', 'upper', 'lower'];

/** The names of so many tools. */
export const toolNames = (count: number) => Array.from({ length: count }, (_, i) => NAMES[i] ?? `tool-${i + 1}`);

/** What this peer serves, as whoever started it said. */
export const TOOLS = toolNames(Number(process.env['TOOLS'] ?? 5));
export const PORT = Number(process.env['PORT']);

export const SERVER_INFO = { name: 'peer', version: '1.0.0' };

/** What every tool answers: the value itself. */
export const answer = ({ value }: { readonly value: string }) => ({
  content: [{ type: 'text' as const, text: value }],
});
