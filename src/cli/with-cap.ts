import type { AskedConfig, ServeConfig } from '../config/serve-config.ts';
import type { Log } from '../server/log.ts';
import type { Source } from '../sources/source.ts';

export interface CapOptions {
  readonly log: Log;
  /** Bytes of memory of the process that watches the workers; 0 for one that serves alone. */
  readonly supervisor: number;
}

/** The configuration to serve this source with: `auto` becomes a number here. Closes the source when it can not. */
export async function withCap(config: AskedConfig, source: Source, options: CapOptions): Promise<ServeConfig> {
  const { maxConnections: asked } = config;
  if (asked !== 'auto') return { ...config, maxConnections: asked };
  try {
    // Nobody else needs what measures.
    const { autoCap } = await import('../server/auto-cap/auto-cap.ts');
    const maxConnections = await autoCap({ ...options, config, source });
    source.limitTo?.(maxConnections);
    return { ...config, maxConnections };
  } catch (error) {
    await source.close?.();
    throw error;
  }
}
