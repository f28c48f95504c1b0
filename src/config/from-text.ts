/**
 * What the text of a flag or a variable stands for; numbers, truth values and lists are told by the schema of the setting.
 * Text that does not fit stays text, for the schema to say so.
 */
export function fromText(schema: unknown, text: string): unknown {
  switch (typeOf(schema)) {
    // Of a number and a word, such as `auto`.
    case 'union':
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'array':
      return text === '' ? [] : text.split(',').map((entry) => entry.trim());
    default:
      return text;
  }
}

function typeOf(schema: unknown): string {
  const { def } = schema as { readonly def: { readonly type: string; readonly innerType?: unknown } };
  return def.innerType === undefined ? def.type : typeOf(def.innerType);
}
