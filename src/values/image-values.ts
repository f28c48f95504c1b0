import { z } from 'zod';

/** Which image runs; a tag or a digest is needed, since a node would otherwise run whatever "latest" it has. */
export const imageValues = z.strictObject({
  repository: z
    .string()
    .min(1)
    .regex(/^[^\s@]*?[^\s@:/]+$/, 'must be an image without tag and digest; they have keys of their own')
    .refine((text) => !/:[^/]*$/.test(text), 'must be an image without a tag; give image.tag')
    .describe('image to run, without tag'),
  tag: z
    .string()
    .regex(/^\w[\w.-]{0,127}$/, 'must be an image tag')
    .optional()
    .describe('tag of the image'),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
    .optional()
    .describe('digest of the image; wins over the tag'),
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('when the image is pulled'),
});
