import { parseAllDocuments } from 'yaml';
import { render } from '../../charts/render.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';

/** Any object, to be looked into; a chart test says what it expects to find. */
// biome-ignore lint/suspicious/noExplicitAny: matchers look into objects of many kinds
export type Found = any;

/** The object of a kind, and of a name where there are several, that the minimal values and `more` render to. */
export function rendered(kind: string, more: Record<string, unknown> = {}, name?: string): Found {
  const objects = render(validateValues(minimal(more)));
  return objects.find((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
}

/** The server's container. */
export function renderedContainer(more: Record<string, unknown> = {}): Found {
  return rendered('Deployment', more).spec.template.spec.containers[0];
}

/** The objects of a multi-document YAML, as kubectl reads it. */
export function parseManifest(text: string): Found[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
}
