import type { Ear } from './ear.ts';
import { type Answer, LIMIT_MS, type Method, type Step } from './script.ts';

export interface AskOptions {
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly onprogress?: (progress: { readonly progress: number; readonly total?: number }) => void;
}

/** One client's functions. */
export type Functions = Readonly<
  Record<Method, (params: Readonly<Record<string, unknown>>, options: AskOptions) => Promise<object>>
>;

/** Does one step after the other, and keeps what came of each question. */
export async function playSteps(steps: readonly Step[], ear: Ear, functions: Functions): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const step of steps) {
    if ('hear' in step) await ear.next(step.hear);
    else answers.push(await ask(step, functions));
  }
  return answers;
}

async function ask(step: Extract<Step, { ask: Method }>, functions: Functions): Promise<Answer> {
  const gone = new AbortController();
  const progress: NonNullable<Answer['progress']>[number][] = [];
  const onprogress = (one: (typeof progress)[number]) => {
    if (gone.signal.aborted) return;
    progress.push(one);
    if (step.cancel === true) gone.abort('given up');
  };
  const options = {
    timeout: LIMIT_MS,
    signal: gone.signal,
    ...((step.progress === true || step.cancel === true) && { onprogress }),
  };
  const kept = step.progress === true || step.cancel === true ? { progress } : {};
  try {
    return { result: await functions[step.ask](step.params ?? {}, options), ...kept };
  } catch (error) {
    const { code, message, data } = error as { code?: unknown; message?: string; data?: unknown };
    return { error: { code, message: message ?? String(error), data }, ...kept };
  }
}
