/** Which server to serve. */
export type SourceSpec =
  /** The path of a module; without one the bundled example. */
  | { readonly kind: 'module'; readonly path: string | undefined }
  /** A program that speaks MCP over stdio, and its arguments. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  /** The address of an MCP endpoint. */
  | { readonly kind: 'upstream'; readonly url: string };
