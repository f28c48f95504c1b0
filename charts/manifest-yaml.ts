import { Document, Scalar, visit } from 'yaml';

/** What the YAML of kubectl (Go's) takes for a number when it is not quoted: it first drops every underscore. */
const GO_NUMBER = /^[-+]?(?:0[xob][-+]?[\da-f]+|(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?)$/i;
/** Line breaks of YAML 1.1, and characters that Go's reader refuses or drops: they must be written as escapes. */
const ESCAPED = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Objects as multi-document YAML: what cdk8s writes, with more quotes, so that kubectl reads all text as text. */
export function manifestYaml(objects: readonly unknown[]): string {
  return objects.map(documentYaml).join('---\n');
}

function documentYaml(object: unknown): string {
  // cdk8s' own options, which keep the bytes its own for all other text.
  const document = new Document(object, { keepUndefined: true, version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && needsQuotes(scalar.value)) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // All of these are within double quotes now, where an escape is allowed.
  return document.toString({ lineWidth: 0 }).replace(ESCAPED, escapeSequence);
}

/** A block that begins with a tab, which Go takes for indentation, or that holds nothing but blanks. */
const BLANK_START = /^\s*(?:\t|$)/;

const needsQuotes = (text: string) =>
  GO_NUMBER.test(text.replaceAll('_', '')) || BLANK_START.test(text) || text.search(ESCAPED) !== -1;

const escapeSequence = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
