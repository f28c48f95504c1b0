import type { LabelSelector, Requirement } from './label-selector.ts';

/** `metav1.LabelSelector`, as answers carry it. */
export interface SelectorObject {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

const OPERATORS: Partial<Record<Requirement['operator'], string>> = {
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

/** A selector as an object: `null` for one without requirements, which Go servers print as well. */
export function selectorObject({ requirements }: LabelSelector): SelectorObject | null {
  if (requirements.length === 0) return null;
  const equal = requirements.filter(isEquality);
  const others = requirements.filter((requirement) => !isEquality(requirement));
  return {
    ...(equal.length > 0 && {
      matchLabels: Object.fromEntries(equal.map(({ key, values }) => [key, values[0] ?? ''])),
    }),
    ...(others.length > 0 && {
      matchExpressions: others.map(({ key, operator, values }) => ({
        key,
        operator: OPERATORS[operator] ?? operator,
        ...(values.length > 0 && { values }),
      })),
    }),
  };
}

/** Whether a requirement wants one value and no other. */
export function isEquality({ operator }: Requirement): boolean {
  return operator === '=' || operator === '==';
}
