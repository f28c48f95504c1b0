import type { Membership } from '../../fleet/membership.ts';
import { Pace } from '../../fleet/pace.ts';
import { tagsOf } from '../../fleet/seen-tags.ts';
import type { SessionStore } from '../../stores/session-store.ts';
import type { Admission } from '../admission.ts';
import type { DrainFleet } from '../drain.ts';
import type { Elsewhere } from '../elsewhere.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Sessions } from '../legacy/sessions.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Change } from '../notifier.ts';
import type { Refuse } from '../refusals.ts';
import type { TakeOvers } from '../take-over.ts';
import { Departures } from './departures.ts';
import { ForClients } from './for-clients.ts';
import { ForPeers } from './for-peers.ts';
import { PeerEndpoint } from './peer-endpoint.ts';
import { Publisher } from './publisher.ts';
import { Relays } from './relays.ts';
import { SessionFinder } from './session-finder.ts';

/** Searches ask every pod. */
const SEARCHES_PER_SECOND = 100;
const SEARCH_PATIENCE_MS = 2_000;
/** A record without its event log: `initialize` params and state are bounded, subscriptions as well. */
const RECORD_BYTES = 4 * 1024 * 1024;

export interface FleetOptions {
  readonly membership: Membership;
  readonly sessions: Sessions;
  readonly admission: Admission;
  readonly lifecycle: Lifecycle;
  readonly store: SessionStore | undefined;
  readonly takeOvers?: TakeOvers | undefined;
  readonly refuse: Refuse;
  readonly metrics: Metrics;
  readonly maxEventLog: number;
  readonly log: Log;
  readonly clock: () => number;
}

/** The other pods, as the server works with them. */
export interface Fleet extends DrainFleet {
  readonly forClients: Elsewhere;
  readonly forPeers: Elsewhere;
  /** Requests of clients, on their way through this pod. */
  readonly relays: Relays;
  /**
   * Begins to answer peers: `endpoints` take what they pass on, `tell` what they publish, `sendAway` names of sessions
   * whose streams run through a pod that leaves.
   */
  serve(endpoints: Endpoints, tell: (change: Change) => void, sendAway: (id: string) => void): void;
  /** Tells the other pods of a change. */
  publish(change: Change): void;
  /** Tells everyone that this pod is gone, and closes the peer port. */
  leave(): Promise<void>;
}

/** For what others had sent before they heard that this pod is gone. */
const LAST_CALLS_MS = 300;

/** Puts the parts together that make many pods one server. */
export function createFleet(options: FleetOptions): Fleet {
  const { membership, sessions, admission, lifecycle, store, refuse, metrics, log, clock } = options;
  const { peers, moves, tags, hello } = membership;
  const address = () => membership.address;
  tags.carried = () => tagsOf([...sessions, ...sessions.parked]);
  const relays = new Relays();
  const publisher = new Publisher({ peers, log, clock });
  const departures = new Departures({ sessions, peers, moves, address, log });
  const finder = new SessionFinder({
    peers,
    moves,
    tags,
    store,
    ownTag: () => membership.tag,
    searches: new Pace({ perSecond: SEARCHES_PER_SECOND, patience: SEARCH_PATIENCE_MS, clock }),
    takeOvers: options.takeOvers,
    has: (id) => sessions.has(id),
  });
  return {
    relays,
    forClients: new ForClients({ sessions, peers, moves, departures, finder, relays, refuse, metrics, log, clock }),
    forPeers: new ForPeers({ sessions, moves, departures }),
    serve(endpoints, tell, sendAway) {
      const maxMessage = RECORD_BYTES + 2 * options.maxEventLog;
      const parts = { endpoints, sendAway, peers, hello, sessions, moves, departures, admission, lifecycle, metrics };
      const endpoint = new PeerEndpoint({ ...parts, tell, maxMessage, log });
      membership.serve((req, res) => endpoint.handle(req, res));
    },
    publish: (change) => publisher.publish(change),
    announce: (hurry) => peers.announce(hurry),
    move: (id, until) => departures.move(id, { overCap: true, until }),
    settled: () => departures.settled(),
    closeRelays: (pause) => relays.closeStreams(pause),
    get handedOver() {
      return departures.handedOver;
    },
    get takesSessions() {
      return peers.takingWork.length > 0;
    },
    get hopeful() {
      return peers.changing || peers.takingWork.length > 0;
    },
    async leave() {
      publisher.close();
      await departures.tellMoves();
      await peers.sayGoodbye();
      await new Promise((resolve) => setTimeout(resolve, LAST_CALLS_MS));
      const closed = membership.close();
      const cut = setTimeout(() => membership.destroy(), LAST_CALLS_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}
