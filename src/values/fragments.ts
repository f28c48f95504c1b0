import { z } from 'zod';

/** A piece of a Kubernetes object that passes through as it is. */
export const rawMap = z.record(z.string(), z.unknown());

/** A list of such pieces. */
export const rawList = z.array(rawMap);

/** Labels or annotations: text to text. */
export const textMap = z.record(z.string(), z.string());

const LABEL_PART = '[A-Za-z0-9]([-\\w.]{0,61}[A-Za-z0-9])?';
const LABEL_KEY = new RegExp(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?${LABEL_PART}$`);
const LABEL_VALUE = new RegExp(`^(${LABEL_PART})?$`);

/** Labels, in which Kubernetes limits keys and values. */
export const labelMap = z.record(
  z.string().regex(LABEL_KEY, 'must be the key of a label'),
  z.string().regex(LABEL_VALUE, 'must be the value of a label: at most 63 letters, digits, -, _ and dots'),
);

/** An environment variable of a container; Kubernetes takes only text as its value. */
export const environmentVariables = z.array(
  z.strictObject({
    name: z.string().min(1).describe('name of the variable'),
    value: z.string().optional().describe('its text'),
    valueFrom: rawMap.optional().describe('where its text comes from, as Kubernetes has it'),
  }),
);

/** A program and its arguments. */
export const commandLine = z
  .array(z.string())
  .refine(([program]) => program !== '', 'must begin with the name of a program');

/** The largest number that fits where Kubernetes keeps 32 bits. */
const INT32_MAX = 2_147_483_647;

/** Seconds, pods or failures, from `least` up to what Kubernetes can keep. */
export function int32(least: 0 | 1) {
  return z.int().min(least).max(INT32_MAX);
}

/** A DNS label that begins with a letter. */
export const NAME_PATTERN = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** A name of one DNS label that begins with a letter, as Services need it. */
export function dnsLabel(longest: number) {
  return z
    .string()
    .regex(NAME_PATTERN, 'must be a DNS label: small letters, digits and -, a letter first')
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

/** A key in a Secret. */
export const secretKey = z
  .string()
  .regex(/^[-\w.]+$/, 'must be a key of a Secret: letters, digits, -, _ and dots')
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

/** The same where Kubernetes takes no address. */
export const hostName = hostPattern.refine((text) => !/^[\d.]+$/.test(text), 'must be a host name and not an address');

/** A number of pods or a share of them, such as 1 or "25%". */
export const podsOrPercent = z.union([
  int32(0),
  z.string().regex(/^\d{1,7}%$/, 'must be a number of pods or a share such as 25%'),
]);

/** The same where Kubernetes takes no share above 100%. */
export const podsOrShare = z.union([
  int32(0),
  z.string().regex(/^(\d{1,2}|100)%$/, 'must be a number of pods or a share from 0% to 100%'),
]);

/** A TCP port that a Service or a pod can be reached on. */
export const reachablePort = z.int().min(1).max(65_535);
