import { z } from 'zod';

/** A piece of a Kubernetes object that passes through as it is. */
export const rawMap = z.record(z.string(), z.unknown());

/** A list of such pieces. */
export const rawList = z.array(rawMap);

/** Labels or annotations: text to text. */
export const textMap = z.record(z.string(), z.string());

/** A name of one DNS label that begins with a letter, as Services need it. */
export function dnsLabel(longest: number) {
  return z
    .string()
    .regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: small letters, digits and -, a letter first')
    .max(longest);
}

/** The name of an object that may hold dots: a ServiceAccount, a Secret. */
export const objectName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be a DNS name: small letters, digits, - and dots',
  )
  .max(253);

/** The name of a namespace. */
export const namespaceName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: small letters, digits and -')
  .max(63);

/** A host name for clients, with `*.` in front for every name below it. */
export const hostPattern = z
  .string()
  .regex(/^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'must be a host name')
  .max(253);

/** A number of pods or a share of them, such as 1 or "25%". */
export const podsOrPercent = z.union([
  z.int().min(0),
  z.string().regex(/^\d+%$/, 'must be a number of pods or a share such as 25%'),
]);

/** A TCP port that a Service or a pod can be reached on. */
export const reachablePort = z.int().min(1).max(65_535);
