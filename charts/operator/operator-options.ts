import { z } from 'zod';
import { problemsOf, UsageError } from '../../src/config/problems.ts';
import { namespaceName } from '../../src/values/fragments.ts';

/** How the operator is installed. */
export interface OperatorOptions {
  /** The image of berth, with tag or digest. */
  readonly image: string;
  /** The namespace that it runs in; `berth-system` if not given. */
  readonly namespace?: string;
  /** The namespaces whose fleets it keeps; all if not given. */
  readonly namespaces?: readonly string[];
  readonly replicas?: number;
}

const flagsSchema = z.strictObject({
  image: z.string().regex(/^\S+$/, 'must be an image'),
  namespace: namespaceName,
  namespaces: z
    .string()
    .refine(
      (text) => text.split(',').every((name) => namespaceName.safeParse(name).success),
      'must be names of namespaces with commas between them',
    )
    .transform((text) => [...new Set(text.split(','))])
    .optional(),
});

/** The options that flags name, `namespaces` separated by commas; throws a `UsageError` with all that is wrong. */
export function operatorOptions(
  flags: Readonly<Record<'image' | 'namespace', string>> & { readonly namespaces?: string },
): OperatorOptions {
  const { data, error } = flagsSchema.safeParse(flags);
  if (error !== undefined) {
    throw new UsageError(problemsOf(error, flags, () => []).map(({ path, message }) => `--${path} ${message}`));
  }
  const { namespaces, ...rest } = data;
  return { ...rest, ...(namespaces === undefined ? {} : { namespaces }) };
}
