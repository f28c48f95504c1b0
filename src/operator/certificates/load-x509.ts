/**
 * `@peculiar/x509`, loaded when it is first needed: 20 MB and 130 ms that a replica which never leads does not spend.
 *
 * Its dependency container refuses to load without the API of reflect-metadata, though the library's classes carry no
 * such metadata. Ours knows none, and is there only while the library loads, lest others take it for the real one.
 */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  if ('getMetadata' in Reflect) return (await import('@peculiar/x509')).default;
  Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined });
  try {
    // Bundled, a CommonJS module has all that it exports there, and only there.
    return (await import('@peculiar/x509')).default;
  } finally {
    for (const name of ['getMetadata', 'getOwnMetadata']) Reflect.deleteProperty(Reflect, name);
  }
}
