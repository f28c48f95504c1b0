import { connect, type Socket } from 'node:net';
import { readAnswer } from './answer.ts';
import { parseReport, type Report } from './report.ts';

/** A pod's answer has a few hundred bytes, and as many of head; what has come is read again with every piece. */
const MOST_BYTES = 8 * 1024;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * A kept connection to the admin port of one pod. Of 10,000 pods that are asked every two seconds, `node:http` takes
 * half a core and leaves so much to collect that the process grows to twice the size.
 */
export class PodConnection {
  // All of them read into the same place: what has come is taken out before another one reads.
  static readonly #buffer = Buffer.alloc(MOST_BYTES);

  readonly #address: Address;
  #socket: Socket | undefined;
  #answer = '';
  #settle: ((report: Report | undefined) => void) | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  /** Whether it leads to this address. */
  leadsTo({ host, port }: Address): boolean {
    return host === this.#address.host && port === this.#address.port;
  }

  /**
   * Asks the pod for its connections, which must not be asked for already. Resolves to `undefined` when it is silent for
   * `limitMs`, or says anything else.
   */
  ask(limitMs: number): Promise<Report | undefined> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.close(), limitMs);
      this.#settle = (report) => {
        clearTimeout(limit);
        resolve(report);
      };
      this.#socket ??= this.#connect();
      const { host, port } = this.#address;
      const name = host.includes(':') ? `[${host}]` : host;
      this.#socket.write(`GET /connections HTTP/1.1\r\nHost: ${name}:${port}\r\n\r\n`, 'latin1');
    });
  }

  /** Closes the socket; what was asked gets no answer. */
  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#answered(undefined);
  }

  #connect(): Socket {
    const buffer = PodConnection.#buffer;
    const onread = { buffer, callback: (length: number) => this.#read(buffer.toString('latin1', 0, length)) };
    const socket = connect({ ...this.#address, noDelay: true, onread });
    // The pod may close it, or be gone.
    const lost = () => {
      if (this.#socket === socket) this.close();
    };
    return socket.once('error', lost).once('close', lost);
  }

  #read(text: string): boolean {
    this.#answer += text;
    const answer = readAnswer(this.#answer);
    // Nothing else was asked for, or nothing at all.
    if (this.#settle === undefined) this.close();
    else if (answer.is === 'complete' && answer.status === 200) {
      this.#answered(parseReport(answer.body));
      if (!answer.keepsOpen) this.close();
    } else if (answer.is !== 'incomplete' || this.#answer.length > MOST_BYTES) this.close();
    return true;
  }

  #answered(report: Report | undefined): void {
    this.#answer = '';
    this.#settle?.(report);
    this.#settle = undefined;
  }
}
