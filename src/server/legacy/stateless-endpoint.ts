import type { IncomingMessage, ServerResponse } from 'node:http';
import { DEFAULT_NEGOTIATED_PROTOCOL_VERSION } from '@modelcontextprotocol/server';
import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import { ErrorCode, isRequest, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import type { SourceDefinition } from '../../sources/source.ts';
import type { Admission } from '../admission.ts';
import { answerEmpty, answerError } from '../answers.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { StreamRegistry } from '../event-stream.ts';
import type { Release } from '../gate.ts';
import type { Log } from '../log.ts';
import type { Refuse } from '../refusals.ts';
import type { SessionMetrics } from '../session-metrics.ts';
import { startLimitOf } from '../start-limit.ts';
import type { Call } from './calls.ts';
import { acceptsAnswers, canInitialize, idsAreFree, initializeAmong, knowsVersion } from './post-checks.ts';
import { Session, type SessionObserver } from './session.ts';
import { recordOfUnknown } from './unknown-client.ts';

export interface StatelessEndpointOptions {
  readonly definition: SourceDefinition;
  readonly admission: Admission;
  readonly elsewhere: Elsewhere;
  readonly refuse: Refuse;
  readonly streams: StreamRegistry;
  readonly maxStreamBuffer: number;
  /** Milliseconds. */
  readonly startTimeout: number;
  readonly metrics: Pick<SessionMetrics, 'requestStarted' | 'requestOver'>;
  readonly log: Log;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
}

/**
 * The legacy era on `/mcp` without sessions: each POST is served by a server object of its own and holds a slot while
 * it lasts. There is no id to come back with, so nothing to listen to and nothing to end.
 */
export class StatelessEndpoint {
  readonly #options: StatelessEndpointOptions;

  constructor(options: StatelessEndpointOptions) {
    this.#options = options;
  }

  post(messages: readonly JsonRpcMessage[], batch: boolean, work: Work): void {
    const { req, res } = work;
    if (!acceptsAnswers(req, res) || !knowsVersion(req, res)) return;
    const initialize = initializeAmong(messages);
    if (initialize !== undefined && !canInitialize(initialize, messages, res)) return;
    // Without a session there is nobody that an answer or a notification could be for.
    if (!messages.some(isRequest)) return answerEmpty(res, 202);
    if (!idsAreFree(messages, res, () => false)) return;
    this.#admit(messages, batch, work).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'Request failed');
      answerError(work.res, 500, { code: ErrorCode.internal, message: 'Internal error' });
    });
  }

  get({ res }: Work): void {
    notAllowed(res);
  }

  delete({ res }: Work): void {
    notAllowed(res);
  }

  async #admit(messages: readonly JsonRpcMessage[], batch: boolean, work: Work): Promise<void> {
    const { admission, elsewhere, refuse } = this.#options;
    const { res } = work;
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    let admitted = admission.admit();
    if ('refused' in admitted) {
      if (await elsewhere.offer(work)) return;
      admitted = elsewhere.final ? await admission.admitRequestAfterAll(gone.signal) : admission.admit();
    }
    if ('refused' in admitted) {
      if (!gone.signal.aborted) refuse(res, admitted.refused, messages.find(isRequest)?.id ?? null);
      return;
    }
    this.#serve(messages, batch, work, admitted.release);
  }

  #serve(messages: readonly JsonRpcMessage[], batch: boolean, { req, res }: Work, release: Release): void {
    const { definition, maxStreamBuffer, streams, log, clock, metrics, admission, fleetKey, startTimeout } =
      this.#options;
    const startLimit = startLimitOf(startTimeout);
    const uncount = admission.countShortRequest();
    let receiving = true;
    let over = false;
    // The slot is free when nothing of it runs any more, whoever is still there to hear of it.
    const settle = () => {
      if (receiving || over || session.requestsInFlight > 0) return;
      over = true;
      session.end('closed');
      void session.made.then(() => {
        uncount();
        release();
      });
    };
    const observer: SessionObserver = {
      changed() {},
      callStarted: () => metrics.requestStarted('legacy'),
      callOver(_, { request, startedAt }: Call) {
        metrics.requestOver('legacy', request.method, (clock() - startedAt) / 1_000);
        settle();
      },
      ended() {},
      failed: (_, error) => log.error({ err: error }, 'Server object failed'),
    };
    const session: Session = new Session({
      record: recordFor(req),
      // Nobody comes back for what was missed.
      maxEventLog: 0,
      maxStreamBuffer,
      streams,
      observer,
      clock,
      fleetKey,
      parkable: false,
      askLimit: 0,
      startLimit,
      resumable: false,
      create: (context) => definition.create(context),
    });
    res.once('close', () => {
      if (!res.writableFinished) session.end('abandoned');
    });
    const initialize = initializeAmong(messages);
    const received = () => {
      receiving = false;
      settle();
    };
    if (initialize !== undefined) return void session.open(initialize, req, res).finally(received);
    try {
      session.receive(messages, batch, req, res);
    } finally {
      received();
    }
  }
}

function notAllowed(res: ServerResponse): void {
  const message = 'Method not allowed: this server keeps no sessions (--stateless).';
  answerError(res, 405, { code: ErrorCode.server, message }, null, { allow: 'POST, OPTIONS' });
}

/** What a session of this one POST is opened with: a client of which nothing is known. */
function recordFor(req: IncomingMessage): SessionRecord {
  const version = req.headers['mcp-protocol-version'];
  const protocolVersion = typeof version === 'string' ? version : DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  return recordOfUnknown('', protocolVersion);
}
