import { expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from './minimal.ts';

function problems(more: Record<string, unknown>): readonly string[] {
  try {
    validateValues(minimal(more));
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
}

const image = { repository: 'localhost/notes', tag: '7' };
const command = ['notes'];
const sidecar = { image, port: 9000 };
const upstream = 'http://notes.default.svc/mcp';

test.each<[Record<string, unknown>, readonly string[]]>([
  [{ server: { command: [] } }, ['server.command must have at least 1 entries. Got [].']],
  [
    { server: { command: ['', 'x'], share: true } },
    ['server.command must begin with the name of a program. Got ["","x"].'],
  ],
  [{ server: { command: 'notes' } }, ['server.command must be a list. Got "notes".']],
  [
    { server: { command, maxConnections: 5, scratchSize: '1GB' } },
    ['server.scratchSize must be a size such as 512B, 64KiB or 4MiB. Got "1GB".'],
  ],
  [{ sidecar: { image } }, ['sidecar.port must be a number. Got nothing.']],
  [{ sidecar: { port: 9000 } }, ['sidecar.image must be a map. Got nothing.']],
  [
    { sidecar: { ...sidecar, path: 'mcp' } },
    ['sidecar.path must be the path of an MCP endpoint, such as /mcp. Got "mcp".'],
  ],
  [{ sidecar: { ...sidecar, pord: 1 } }, ['sidecar.pord is not known. Did you mean port?']],
  [{ server: { warmChildren: 3 } }, ['server.warmChildren has no effect when the fleet serves a module.']],
  [{ server: { sessions: 'parkable' } }, ['server.sessions has no effect when the fleet serves a module.']],
  [{ server: { upstream, share: true } }, ['server.share has no effect when the fleet serves an upstream.']],
  [
    { sidecar, server: { childMemory: '1GiB', startTimeout: '5s' } },
    [
      'server.startTimeout has no effect when the fleet serves an upstream.',
      'server.childMemory has no effect when the fleet serves an upstream.',
    ],
  ],
  [{ server: { stateless: true, parkAfter: '5s' } }, ['server.parkAfter has no effect with server.stateless.']],
  [
    { server: { transport: 'sse', sessionIdleTimeout: '5m' } },
    ['server.sessionIdleTimeout has no effect with the transport sse.'],
  ],
  [
    { server: { transport: 'sse', sessionStore: 'redis://cache' } },
    ['server.sessionStore has no effect with the transport sse.'],
  ],
  [
    { server: { transport: 'sse', sessionStoreSecret: { name: 'sessions', key: 'url' } } },
    ['server.sessionStoreSecret has no effect with the transport sse.'],
  ],
  [
    { server: { transport: 'http-compat', stateless: true, evictAfter: '5m', maxRequestsPerSession: 3 } },
    ['server.evictAfter has no effect with server.stateless.'],
  ],
  [
    { server: { command, maxConnections: 5, share: true, warmChildren: 3 } },
    ['server.warmChildren has no effect with server.share.'],
  ],
  [
    { server: { source: 'a.ts', command, upstream, share: true }, sidecar },
    ['server.command', 'server.upstream', 'sidecar'].map(
      (path) => `${path} and server.source are both given, but a fleet serves one server. Give one of them.`,
    ),
  ],
  [
    { server: { command } },
    [
      'server.maxConnections is not given, but each session of a command is a process of its own, and every pod would ask for memory for 1000 of them. Give it, or resources.',
    ],
  ],
  [
    { sidecar: { image: { repository: 'localhost/notes' }, port: 8000 } },
    [
      'sidecar.image.tag is not given, and neither is sidecar.image.digest: each node would run whatever "latest" it has.',
      'sidecar.port is 8000, and so is server.port: the containers of a pod share its ports. Give another one.',
    ],
  ],
  [
    { sidecar: { ...sidecar, volumeMounts: [{ name: 'data', mountPath: '/data' }] } },
    ['sidecar.volumeMounts.0.name is data, but server.volumes has no volume of that name.'],
  ],
  [
    { sidecar, extraContainers: [{ name: 'server' }] },
    ['extraContainers.0.name is server, the name of a container that the charts make themselves.'],
  ],
  [
    { server: { command, maxConnections: 5, volumes: [{ name: 'berth-home', emptyDir: {} }] } },
    ['server.volumes.0.name is berth-home, the name of a volume that the charts make themselves.'],
  ],
  [
    {
      server: {
        command,
        commandImage: image,
        maxConnections: 5,
        volumes: [{ name: 'v' }],
        volumeMounts: [{ name: 'v', mountPath: '/berth' }],
      },
    },
    ['server.volumeMounts.0.mountPath is /berth, where berth itself is added to the image of the command.'],
  ],
])('%j is refused', (more, sentences) => {
  expect(problems(more)).toEqual(sentences);
});

test.each<[Record<string, unknown>]>([
  [{ server: { command, share: true } }],
  [{ server: { command }, resources: {} }],
  [{ server: { command, maxConnections: 5, commandImage: image, sessions: 'parkable', warmChildren: 0 } }],
  [{ server: { transport: 'http-compat', command, share: true } }],
  [{ server: { transport: 'sse', upstream } }],
  [{ server: { stateless: true, longestCall: '5s' } }],
  [{ server: { transport: 'http-compat', stateless: true, maxRequestsPerSession: 3 } }],
  [{ sidecar, server: { maxMessage: '1MiB', sessions: 'parkable' }, extraContainers: [{ name: 'berth-install' }] }],
  [{ extraContainers: [{ name: 'server' }], server: { volumes: [{ name: 'berth-home' }] } }],
])('%j describes a fleet', (more) => {
  expect(problems(more)).toEqual([]);
});
