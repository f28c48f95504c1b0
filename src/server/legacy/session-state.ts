import type { SessionRecord } from '../../fleet/session-snapshot.ts';

/** Characters of `session.state` as JSON. */
const MAX_STATE = 16 * 1024;

/** Why `session.state` could not be moved. */
export function stateProblem({ state }: SessionRecord): string | undefined {
  let text: string | undefined;
  try {
    text = JSON.stringify(state);
  } catch (error) {
    return `session.state can not be written as JSON: ${error instanceof Error ? error.message : error}`;
  }
  if (text?.startsWith('{') !== true) return `session.state must be an object of JSON. Got ${text}.`;
  return text.length <= MAX_STATE
    ? undefined
    : `session.state has ${text.length} characters of JSON. ${MAX_STATE} are allowed.`;
}
