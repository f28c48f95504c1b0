import type { EndReason } from '../sources/define-server.ts';

/** Why a session is not here any more: its end, or a move. */
export type ClosedReason = EndReason | 'handed-over' | 'superseded';

/** What is counted of sessions and their calls. */
export interface SessionMetrics {
  sessionOpened(): void;
  sessionClosed(reason: ClosedReason, seconds: number): void;
  requestStarted(era: 'legacy' | 'modern'): void;
  requestOver(era: 'legacy' | 'modern', method: string, seconds: number): void;
}
