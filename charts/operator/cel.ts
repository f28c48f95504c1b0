import { valuesSchema } from '../../src/values/schema.ts';
import { defaultOf, type Setting, settings } from '../../src/values/server-values.ts';
import { isTree } from '../../src/values/tree.ts';

const optional = (path: string) => `self.?${path.replaceAll('.', '.?')}`;

/** A CEL expression for whether a spec holds a key. */
export function given(path: string): string {
  return `${optional(path)}.hasValue()`;
}

/** A CEL expression for what a spec holds at a path of the values, or else for its default. */
export function value(path: string): string {
  return `${optional(path)}.orValue(${JSON.stringify(fallback(path))})`;
}

const defaults = valuesSchema.parse({ name: 'name', image: { repository: 'image' } });

function fallback(path: string): unknown {
  const setting = settings.find((key: Setting) => path === `server.${key}`);
  const found = path.split('.').reduce<unknown>((map, key) => (isTree(map) ? map[key] : undefined), defaults);
  return setting === undefined ? found : defaultOf(setting);
}

/** A CEL expression for a sentence in which `{…}` are expressions. */
export function sentence(template: string): string {
  const parts = template.split(/\{(.*?)\}/);
  const format = parts.map((part, index) => (index % 2 === 1 ? '%s' : part.replaceAll('%', '%%'))).join('');
  // Not with +: how long a number's text is is not known to the estimate of the cost, which it would then exceed.
  return `${quoted(format)}.format([${parts.filter((_, index) => index % 2 === 1).join(', ')}])`;
}

/** CEL's strings are JSON's. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}
