import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { answersRequest } from './answer.ts';
import { dial } from './dial.ts';
import { EventReader } from './event-reader.ts';
import { ResponseReader } from './http-response.ts';
import { ConnectionError } from './outcome.ts';

/** What came back for one request; texts have one character per byte. */
export interface Answer {
  readonly status: number;
  /** Status line and fields. */
  readonly head: string;
  /** The body, or of an event stream the data of the event that answers the request. */
  readonly body: string;
}

/** What is told of a stream that is held open. */
export interface StreamListener {
  /** Its head has come. */
  onOpen(): void;
  onBytes(count: number): void;
  onEvent(data: string, name: string): void;
  /** Called once, when a stream that was open is over, unless it was closed from here. */
  onEnd(): void;
}

export interface HttpConnectionOptions {
  /** Milliseconds until a request that was not answered fails with `timeout`. */
  readonly timeout: number;
  /** Bytes of a body, or of one event; a longer one fails with `too-large`. */
  readonly maxBody?: number;
  /** For https, such as `ca`. */
  readonly tls?: ConnectionOptions;
}

interface Exchange {
  readonly bytes: Buffer;
  /** Of the JSON-RPC request, to know its answer by among the events of a stream. */
  readonly id: number | undefined;
  readonly listener: StreamListener | undefined;
  resolve(answer: Answer): void;
  reject(error: ConnectionError): void;
}

const MAX_BODY = 64 * 1024 * 1024;
/** Time for a stream to end after it brought its answer; a server that keeps it open longer loses the connection. */
const LINGER_MS = 1_000;

/** One keep-alive connection that sends one request at a time, and connects again when it was closed. */
export class HttpConnection {
  readonly #url: URL;
  readonly #options: HttpConnectionOptions;
  #socket: Socket | undefined;
  /** The request on the wire that was not answered yet. */
  #exchange: Exchange | undefined;
  /** The request that goes out when the response before it has ended. */
  #queued: Exchange | undefined;
  /** Of a stream that is held open: its head has come, its end has not. */
  #held: StreamListener | undefined;
  /** Whether a response has begun and not ended. */
  #receiving = false;
  #status = 0;
  #head = '';
  #body = '';
  #events: EventReader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #readRate: number | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(url: URL, options: HttpConnectionOptions) {
    this.#url = url;
    this.#options = options;
  }

  /** Whether a request, or a stream that is held, keeps it from taking the next request. */
  get busy(): boolean {
    return this.#exchange !== undefined || this.#queued !== undefined || this.#held !== undefined;
  }

  /**
   * Sends a request and resolves with its answer; rejects with a ConnectionError. Where an event stream answers the
   * JSON-RPC request `id`, the answer is the event that has its result.
   */
  send(bytes: Buffer, id?: number): Promise<Answer> {
    return new Promise((resolve, reject) => this.#begin({ bytes, id, listener: undefined, resolve, reject }));
  }

  /** Opens a stream and holds it; resolves once its head is there, or with the whole answer when it is no stream. */
  hold(bytes: Buffer, listener: StreamListener): Promise<Answer> {
    return new Promise((resolve, reject) => this.#begin({ bytes, id: undefined, listener, resolve, reject }));
  }

  /** From now on reads so many bytes a second on average, in pieces as the system hands them over: up to 64 KiB. */
  slowDown(bytesPerSecond: number): void {
    this.#readRate = bytesPerSecond;
  }

  /** Closes it without a word; a request under way fails with `unfinished`. The next one connects again. */
  close(): void {
    const unfinished = new ConnectionError('unfinished', 'The connection was closed before the answer came.');
    this.#held = undefined;
    this.#queued?.reject(unfinished);
    this.#queued = undefined;
    this.#fail(unfinished);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #begin(exchange: Exchange): void {
    if (this.busy) throw new Error('A connection takes one request at a time, and the last one is not over.');
    if (this.#receiving) {
      this.#queued = exchange;
      this.#lingering = setTimeout(() => this.#disconnect(), LINGER_MS);
      return;
    }
    this.#exchange = exchange;
    this.#socket ??= this.#connect();
    this.#socket.write(exchange.bytes);
    // One timer for all requests: to start it again is cheaper than to make one.
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#onTimeout(), this.#options.timeout).unref();
    else this.#timer.refresh();
  }

  #connect(): Socket {
    const socket = dial(this.#url, this.#options.tls);
    const reader = new ResponseReader({
      head: (status, head) => this.#onHead(status, head),
      body: (bytes) => this.#onBody(bytes),
      end: (last) => this.#onMessageEnd(last),
    });
    socket.on('data', (chunk: Buffer) => {
      if (socket !== this.#socket) return;
      try {
        reader.push(chunk);
      } catch (error) {
        this.#fail(asConnectionError(error));
      }
      if (this.#readRate !== undefined && socket === this.#socket) this.#rest(socket, chunk.length / this.#readRate);
    });
    socket.on('error', (error) => socket === this.#socket && this.#fail(asConnectionError(error)));
    const onOver = () => {
      if (socket !== this.#socket || reader.close()) return;
      this.#fail(new ConnectionError('closed', 'The server closed the connection before it answered.'));
    };
    // A request that is sent between the two would be lost.
    socket.on('end', onOver).on('close', onOver);
    return socket;
  }

  #rest(socket: Socket, seconds: number): void {
    socket.pause();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      // That the server has not answered meanwhile is because nobody read.
      this.#timer?.refresh();
      socket.resume();
    }, seconds * 1_000);
  }

  #onHead(status: number, head: string): void {
    const exchange = this.#exchange;
    if (exchange === undefined) throw new ConnectionError('not-http', 'An answer came that nothing was asked for.');
    this.#receiving = true;
    this.#status = status;
    this.#head = head;
    this.#body = '';
    this.#events = undefined;
    if (!isEventStream({ status, head })) return;
    const { id, listener } = exchange;
    if (listener !== undefined) {
      this.#held = listener;
      listener.onOpen();
      this.#events = new EventReader(this.#maxBody, (data, name) => listener.onEvent(data, name));
      this.#answer();
    } else if (id !== undefined) {
      this.#events = new EventReader(this.#maxBody, (data) => {
        if (this.#exchange !== exchange || !answersRequest(data, id)) return;
        this.#body = data;
        this.#answer();
      });
    }
  }

  #onBody(bytes: Buffer): void {
    this.#held?.onBytes(bytes.length);
    if (this.#events !== undefined) return this.#events.push(bytes);
    if (this.#body.length + bytes.length > this.#maxBody) {
      throw new ConnectionError('too-large', `The body has more than ${this.#maxBody} bytes.`);
    }
    this.#body += bytes.toString('latin1');
  }

  #onMessageEnd(last: boolean): void {
    this.#answer();
    if (last) return this.#disconnect();
    this.#receiving = false;
    this.#endHeld();
    this.#sendQueued();
  }

  #answer(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.resolve({ status: this.#status, head: this.#head, body: this.#body });
  }

  #onTimeout(): void {
    if (this.#exchange === undefined || this.#pause !== undefined) return;
    this.#fail(new ConnectionError('timeout', `No answer came within ${this.#options.timeout} ms.`));
  }

  #fail(error: ConnectionError): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#disconnect();
    exchange?.reject(error);
  }

  #disconnect(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#receiving = false;
    this.#endHeld();
    this.#sendQueued();
  }

  #endHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.onEnd();
  }

  #sendQueued(): void {
    clearTimeout(this.#lingering);
    const queued = this.#queued;
    this.#queued = undefined;
    if (queued !== undefined) this.#begin(queued);
  }

  get #maxBody(): number {
    return this.#options.maxBody ?? MAX_BODY;
  }
}

/** Whether what came back is a stream of events. */
export function isEventStream({ status, head }: Pick<Answer, 'status' | 'head'>): boolean {
  return status === 200 && /\r\ncontent-type:[ \t]*text\/event-stream/i.test(head);
}

function asConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  // A defect of ours is none of the server's answers.
  if (typeof code !== 'string') throw error;
  return new ConnectionError(code, message);
}
