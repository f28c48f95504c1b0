/** Rows of cells as lines, each column as wide as its widest cell; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(cell.length, all[i] ?? 0)), []);
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** A goal, and whether it is met; `undefined` where nothing was measured that could tell. */
export function goalLine(met: boolean | undefined, goal: string): string {
  const verdict = met === undefined ? 'not measured' : met ? 'met' : 'MISSED';
  return `${verdict.padEnd(12)}  ${goal}\n`;
}
