import type { Call } from './inspect.ts';
import type { Listening } from './process.ts';
import type { Step, Target } from './script.ts';

/** One third-party server, as the tests use it. */
export interface ServerCase {
  readonly name: string;
  /** Prepares what it needs, starts what is to be started, and says how it is reached without berth and with it. */
  prepare(folder: string): Promise<Prepared>;
}

/** Where the same server is asked directly and through berth. */
export interface Prepared {
  readonly direct: Target;
  /** The arguments of `berth serve`, and its environment. */
  readonly serve: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the client, for servers that ask for them. */
  readonly root: string;
  readonly steps: readonly Step[];
  /** A call without side effects. */
  readonly call: Call;
  readonly running?: Listening;
  /** It speaks the modern era itself where berth passes that on, and so is asked directly in it too. */
  readonly modern?: true;
  /** Its process takes a second of a CPU to start, which each modern request and each run of the Inspector pays for. */
  readonly slow?: true;
}
