import { config } from 'zod';

/**
 * Has zod compile none of the schemas that `make` makes. Compiled ones parse faster, but compiling takes longer than
 * hundreds of parses, and those of a server object for one request are used once.
 */
export function uncompiled<T>(make: () => T): T {
  const { jitless } = config();
  config({ jitless: true });
  try {
    return make();
  } finally {
    config({ jitless });
  }
}
