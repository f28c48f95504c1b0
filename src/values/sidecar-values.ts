import { z } from 'zod';
import { commandLine, environmentVariables, rawList, rawMap, reachablePort } from './fragments.ts';
import { imageValues } from './image-values.ts';

/** The user's own server, in a container that starts before berth's and ends after it (Kubernetes 1.29 and newer). */
export const sidecarValues = z
  .strictObject({
    image: imageValues.describe('the image of your server'),
    port: reachablePort.describe('port that it listens on; it must differ from those of berth'),
    path: z
      .string()
      .regex(/^\/[^\s#]*$/, 'must be the path of an MCP endpoint, such as /mcp')
      .default('/mcp')
      .describe('path of its MCP endpoint'),
    command: commandLine.default([]).describe('program to run in place of the image’s own'),
    args: z.array(z.string()).default([]).describe('its arguments'),
    env: environmentVariables.default([]).describe('environment variables of the container, as Kubernetes has them'),
    envFrom: rawList.default([]).describe('ConfigMaps and Secrets to take environment variables from'),
    volumeMounts: rawList.default([]).describe('where the container mounts the volumes of server.volumes'),
    resources: rawMap.default({}).describe('requests and limits of the container'),
    securityContext: rawMap.default({}).describe('laid over the security context of the container'),
    startupProbe: rawMap
      .optional()
      .describe(
        'when berth may start, as Kubernetes has it; once the port can be connected to if not set, {} for at once',
      ),
    livenessProbe: rawMap.optional().describe('when it must be restarted, as Kubernetes has it; never if not set'),
  })
  .optional();
