/** A web `Request` that is built when a handler first looks at it; most never do, and building one costs 20 µs. */
export function lazyRequest(build: () => Request): Request {
  // A target of its own: what a module writes on one client's request must not be on another's.
  return new Proxy(Object.create(Request.prototype) as Request, new Lazy(build));
}

class Lazy implements ProxyHandler<Request> {
  readonly #build: () => Request;
  #request: Request | undefined;

  constructor(build: () => Request) {
    this.#build = build;
  }

  get(_target: Request, key: string | symbol): unknown {
    this.#request ??= this.#build();
    const value: unknown = Reflect.get(this.#request, key, this.#request);
    return typeof value === 'function' ? value.bind(this.#request) : value;
  }
}
