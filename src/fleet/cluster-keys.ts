import { readFile } from 'node:fs/promises';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { text } from 'node:stream/consumers';

export interface ClusterKeysOptions {
  /** A token that the API server knows; it rotates too. */
  readonly tokenFile: string;
  /** The authority of the API server's certificate. */
  readonly caFile: string;
}

/** Reads the cluster's public keys, as a `fetch` for jose: Node's own knows no authority for a single request. */
export function clusterKeysFetch({ tokenFile, caFile }: ClusterKeysOptions) {
  return async (url: string, { headers, signal }: { readonly headers: Headers; readonly signal: AbortSignal }) => {
    const token = (await readFile(tokenFile, 'utf8')).trim();
    const options = { signal, headers: { ...Object.fromEntries(headers), authorization: `Bearer ${token}` } };
    const https = url.startsWith('https:') && { ca: await readFile(caFile) };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = https ? getHttps(url, { ...options, ...https }, resolve) : getHttp(url, options, resolve);
    request.on('error', reject);
    const response = await promise;
    const body = await text(response);
    if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}: ${body.slice(0, 200)}`);
    return new Response(body);
  };
}
