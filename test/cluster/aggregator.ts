import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { kubectlJson, run } from './command.ts';

/** What the operator says to somebody who asks it without the API server in between. */
export async function askAs(
  where: string,
  credentials: Pick<RequestOptions, 'cert' | 'key'>,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | undefined; readonly body: unknown }> {
  const { spec } = await kubectlJson<{ readonly spec: { readonly clusterIP: string } }>(
    ...['-n', 'berth-system', 'get', 'service', 'berth-operator'],
  );
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({
      host: spec.clusterIP,
      port: 443,
      path: where,
      headers,
      rejectUnauthorized: false,
      ...credentials,
    });
    asked.once('response', resolve).once('error', reject).end();
  });
  return { status: answer.statusCode, body: await json(answer) };
}

/** A certificate of the authority that the aggregator's own is of, for another name or for the same. */
export async function clientCertificate(
  pki: string,
  name: string,
): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'berth-certificate-'));
  const at = (file: string) => path.join(folder, file);
  const openssl = async (...args: readonly string[]) => {
    const outcome = await run('openssl', args);
    if (outcome.code !== 0) throw new Error(`openssl ${args.join(' ')}: ${outcome.stderr}`);
  };
  await openssl(
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('key'),
    '-out',
    at('csr'),
    '-subj',
    `/CN=${name}`,
  );
  await openssl(
    ...['x509', '-req', '-in', at('csr'), '-CA', `${pki}/front-proxy-ca.crt`, '-CAkey', `${pki}/front-proxy-ca.key`],
    ...['-CAcreateserial', '-CAserial', at('serial'), '-days', '1', '-out', at('crt')],
  );
  const [cert, key] = await Promise.all([readFile(at('crt')), readFile(at('key'))]);
  await rm(folder, { recursive: true });
  return { cert, key };
}
