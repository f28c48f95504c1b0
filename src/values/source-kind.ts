import type { SourceKind } from '../config/ignored-settings.ts';
import type { Values } from './schema.ts';

/** What kind of server the pods serve; a sidecar is an upstream on the pod's own loopback. */
export function sourceKind({ server, sidecar }: Pick<Values, 'server' | 'sidecar'>): SourceKind {
  if (server.command !== undefined) return 'command';
  return server.upstream !== undefined || sidecar !== undefined ? 'upstream' : 'module';
}
