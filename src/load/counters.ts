import type { StreamCounter } from './clients/client.ts';
import { Tally } from './tally.ts';

/** Everything that one run counts, over all its sessions. */
export class Counters implements StreamCounter {
  readonly opening = new Tally();
  readonly calls = new Tally();
  /** Streams that could not be opened. */
  readonly streams = new Tally();
  readonly left = { deleted: 0, vanished: 0, lost: 0 };
  streamsOpened = 0;
  streamsEnded = 0;
  events = 0;
  bytes = 0;

  readonly onOpen = () => {
    this.streamsOpened++;
  };
  readonly onEnd = () => {
    this.streamsEnded++;
  };
  readonly onEvent = () => {
    this.events++;
  };
  readonly onBytes = (count: number) => {
    this.bytes += count;
  };
}
