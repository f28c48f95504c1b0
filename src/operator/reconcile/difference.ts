/**
 * Whether an object as it is lacks something that it should have. What others have added to maps does not count; a list
 * of another length does, since only the API server knows whether others may add to it.
 */
export function lacks(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(live) || live.length !== wanted.length) return true;
    return wanted.some((entry, index) => lacks(live[index], entry));
  }
  if (isMap(wanted)) {
    // An empty map is kept by some fields and dropped by others.
    if (!isMap(live)) return Object.keys(wanted).length > 0;
    return Object.entries(wanted).some(([key, value]) => lacks(live[key], value));
  }
  return wanted !== undefined && live !== wanted;
}

/** What an object has where something is wanted, as text: the same as long as nobody changes anything there. */
export function foundWhere(wanted: unknown, live: unknown): string {
  return JSON.stringify(partWhere(wanted, live)) ?? '';
}

function partWhere(wanted: unknown, live: unknown): unknown {
  if (Array.isArray(wanted) && Array.isArray(live) && wanted.length === live.length) {
    return wanted.map((entry, index) => partWhere(entry, live[index]));
  }
  if (!isMap(wanted) || !isMap(live)) return live;
  return Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, partWhere(value, live[key])]));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
