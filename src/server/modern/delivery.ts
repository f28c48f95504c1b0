import type { MessageExtraInfo } from '@modelcontextprotocol/server';
import { MODERN_VERSION } from '../../sources/bridge/discover-request.ts';
import { lazyRequest } from '../lazy-request.ts';

/** What comes with one request: its era, and the web request, which is built when somebody first looks at it. */
export class Delivery implements MessageExtraInfo {
  readonly classification = { era: 'modern', revision: MODERN_VERSION } as const;
  /** Stands for the web request wherever the SDK reads it unasked; a handler's context has the real one. */
  readonly request: Request;
  readonly #build: () => Request;
  #built: Request | undefined;

  constructor(build: () => Request) {
    this.#build = build;
    this.request = lazyRequest(() => this.webRequest);
  }

  get webRequest(): Request {
    this.#built ??= this.#build();
    return this.#built;
  }
}
