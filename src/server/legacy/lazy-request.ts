import type { IncomingMessage } from 'node:http';
import { webHeaders } from '../web-headers.ts';

/** A web `Request` that is built when a handler first looks at it; most never do, and building one costs 20 µs. */
export function lazyRequest(req: IncomingMessage, url: () => URL): Request {
  // A target of its own: what a module writes on one client's request must not be on another's.
  return new Proxy(Object.create(Request.prototype) as Request, new LazyRequest(req, url));
}

class LazyRequest implements ProxyHandler<Request> {
  readonly #req: IncomingMessage;
  readonly #url: () => URL;
  #request: Request | undefined;

  constructor(req: IncomingMessage, url: () => URL) {
    this.#req = req;
    this.#url = url;
  }

  get(_target: Request, key: string | symbol): unknown {
    this.#request ??= new Request(this.#url(), { method: this.#req.method ?? 'POST', headers: webHeaders(this.#req) });
    const value: unknown = Reflect.get(this.#request, key, this.#request);
    return typeof value === 'function' ? value.bind(this.#request) : value;
  }
}
