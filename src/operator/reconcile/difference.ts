/**
 * Whether an object as it is lacks something that it should have. What others have added to maps does not count; a list
 * of another length does, since only the API server knows whether others may add to it.
 */
export function lacks(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(live) || live.length !== wanted.length) return true;
    return wanted.some((entry, index) => lacks(live[index], entry));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    // An empty map is kept by some fields and dropped by others.
    if (typeof live !== 'object' || live === null) return Object.keys(wanted).length > 0;
    return Object.entries(wanted).some(([key, value]) => lacks((live as Record<string, unknown>)[key], value));
  }
  return wanted !== undefined && live !== wanted;
}
