import type { IncomingMessage } from 'node:http';
import { webHeaders } from '../web-headers.ts';

/** A web `Request` that is built when a handler first looks at it; most never do, and building one costs 20 µs. */
export function lazyRequest(req: IncomingMessage, url: () => URL): Request {
  let request: Request | undefined;
  return new Proxy(Object.create(Request.prototype) as Request, {
    get(_target, key) {
      request ??= new Request(url(), { method: req.method ?? 'POST', headers: webHeaders(req) });
      const value: unknown = Reflect.get(request, key, request);
      return typeof value === 'function' ? value.bind(request) : value;
    },
  });
}
