/** How a client reaches a server: it starts it itself and speaks over stdio, or it knows its address. */
export type Target =
  | { readonly command: readonly string[]; readonly environment?: Readonly<Record<string, string>> }
  | { readonly url: string };

/** What a client is told to do, one after the other. */
export type Step =
  | {
      readonly ask: Method;
      readonly params?: Readonly<Record<string, unknown>>;
      /** Ask for progress, and keep it. */
      readonly progress?: true;
      /** Give the call up as soon as there is progress. */
      readonly cancel?: true;
      /** Left out in the modern era, which has no such method, or no session to keep what it needs. */
      readonly legacy?: true;
    }
  /** Wait until this notification was heard once more. */
  | { readonly hear: Heard; readonly legacy?: true };

/** The methods that every official client has a function for. */
export type Method =
  | 'tools/list'
  | 'tools/call'
  | 'prompts/list'
  | 'prompts/get'
  | 'resources/list'
  | 'resources/templates/list'
  | 'resources/read'
  | 'resources/subscribe'
  | 'resources/unsubscribe'
  | 'completion/complete'
  | 'logging/setLevel'
  | 'ping';

/** The notifications that are kept. Those that a list has changed race with the opening of a client's stream. */
export type Heard = 'notifications/message' | 'notifications/resources/updated';

/** One session of one client. */
export interface Script {
  readonly steps: readonly Step[];
  /** Answer the server's questions, and say in `initialize` that one can; these folders are the roots. */
  readonly roots?: readonly string[];
}

/** What a client got out of a session. */
export interface Transcript {
  readonly serverInfo: unknown;
  readonly capabilities: unknown;
  readonly instructions: unknown;
  readonly answers: readonly Answer[];
  /** In no order, since streams have none between them. */
  readonly heard: readonly unknown[];
  /** What the server asked, and nothing but the method and the parameters. */
  readonly asked: readonly unknown[];
}

export type Answer = {
  readonly result?: object;
  readonly error?: unknown;
  readonly progress?: readonly { readonly progress?: number; readonly total?: number }[];
};

/** How long a client waits for one answer or notification. */
export const LIMIT_MS = 15_000;

/** How every client answers what it is asked. */
export const ANSWERS = {
  sampling: {
    model: 'a-model',
    role: 'assistant',
    stopReason: 'endTurn',
    content: { type: 'text', text: 'A fine answer.' },
  },
  elicitation: { action: 'accept', content: { name: 'Ada', value: 'Ada', check: true } },
} as const satisfies Readonly<Record<string, unknown>>;

/** What a client that can be asked says in `initialize`. */
export const ASKABLE = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

/** The answer to `roots/list`. */
export function rootsAt(folders: readonly string[]) {
  return { roots: folders.map((folder) => ({ uri: `file://${folder}`, name: 'a root' })) };
}

/**
 * Makes two transcripts comparable: UUIDs are those of sessions, and of no interest; notifications are sorted; the last
 * progress is left out, since the TypeScript clients drop it when the answer comes in the same chunk. What is undefined
 * is as good as not there.
 */
export function comparable(transcript: Transcript): Transcript {
  const text = JSON.stringify(transcript).replace(
    /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
    'some-uuid',
  );
  const plain = JSON.parse(text) as Transcript;
  return {
    ...plain,
    answers: plain.answers.map(({ progress, ...rest }) => ({
      ...rest,
      ...(progress && { progress: progress.filter((one) => one.progress !== one.total) }),
    })),
    heard: plain.heard.map((one) => JSON.stringify(one)).sort(),
  };
}

/** The steps that can be done in the modern era. */
export function modernSteps(steps: readonly Step[]): readonly Step[] {
  return steps.filter(({ legacy }) => legacy !== true);
}

/** The first steps of different kinds, for servers where each modern request pays for the start of a process. */
export function fewOf(steps: readonly Step[], count: number): readonly Step[] {
  const kinds = steps.map((step) => JSON.stringify({ ...step, params: undefined }));
  return steps.filter((_, index) => kinds.indexOf(kinds[index] ?? '') === index).slice(0, count);
}

/** The modern era's own fields of results (MCP 2026-07-28, basic and caching), which the legacy era has no word for. */
const MODERN_FIELDS = ['resultType', 'ttlMs', 'cacheScope'];
const MODERN_META = 'io.modelcontextprotocol/';

/** What a server says of itself, without what only one era knows. */
export function introduction({ serverInfo, capabilities, instructions }: Transcript) {
  // Tasks are of 2025-11-25 alone.
  return { serverInfo, capabilities: { ...(capabilities as object), tasks: undefined }, instructions };
}

/** The answers without what only one era says. */
export function payloads({ answers }: Transcript): readonly Answer[] {
  return answers.map(({ result, ...rest }) => (result === undefined ? rest : { ...rest, result: payload(result) }));
}

function payload(result: object): object {
  const { _meta, tools, ...fields } = result as { readonly _meta?: object; readonly tools?: readonly object[] };
  const kept = Object.entries(_meta ?? {}).filter(([key]) => !key.startsWith(MODERN_META));
  return {
    ...Object.fromEntries(Object.entries(fields).filter(([key]) => !MODERN_FIELDS.includes(key))),
    ...(kept.length > 0 && { _meta: Object.fromEntries(kept) }),
    // `execution` is about the tasks of 2025-11-25, which the modern era does not know.
    ...(tools && { tools: tools.map((tool) => ({ ...tool, execution: undefined })) }),
  };
}
