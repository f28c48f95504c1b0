import { describe, expect, test } from 'vitest';
import { type Found, rendered, renderedContainer } from './rendered.ts';

const podSpec = (more: Record<string, unknown>): Found => rendered('Deployment', more).spec.template.spec;
const image = { repository: 'localhost/notes', tag: '7' };
const command = ['npx', 'notes', '--verbose', ''];
const commanded = (server: object = {}) => ({ server: { command, maxConnections: 5, ...server } });
const variables = ({ env }: Found) => Object.fromEntries(env.map(({ name, value }: Found) => [name, value]));
const sidecar = { image, port: 9000 };

describe('a command', () => {
  test('stands behind the flags, word by word', () => {
    const { args } = renderedContainer(commanded({ share: true, stateless: false, passEnvironment: ['A', 'B_*'] }));
    expect(args.slice(args.indexOf('--'))).toEqual(['--', ...command]);
    expect(args.slice(0, args.indexOf('--'))).toEqual([
      'serve',
      '--peers=berth-peers',
      '--max-connections=5',
      expect.stringContaining('--allowed-hosts='),
      '--share',
      '--pass-environment=A,B_*',
    ]);
  });

  test('is in a pod that reaps what it leaves behind', () => {
    expect(podSpec(commanded()).shareProcessNamespace).toBe(true);
    expect(podSpec({})).not.toHaveProperty('shareProcessNamespace');
    expect(podSpec({ sidecar })).not.toHaveProperty('shareProcessNamespace');
  });

  test('has a home, caches in it and a /tmp that it can write, below a root that nobody can', () => {
    const { volumes, containers } = podSpec(commanded());
    expect(containers[0].securityContext.readOnlyRootFilesystem).toBe(true);
    expect(containers[0].volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'berth-home', mountPath: '/home/berth' },
        { name: 'berth-tmp', mountPath: '/tmp' },
      ]),
    );
    expect(volumes).toEqual(
      expect.arrayContaining([
        { name: 'berth-home', emptyDir: {} },
        { name: 'berth-tmp', emptyDir: {} },
      ]),
    );
    const { HOME, XDG_CACHE_HOME, UV_CACHE_DIR, npm_config_cache } = variables(containers[0]);
    expect(HOME).toBe('/home/berth');
    for (const cache of [XDG_CACHE_HOME, UV_CACHE_DIR, npm_config_cache]) expect(cache).toMatch(/^\/home\/berth\//);
  });

  test('finds what the user mounts or sets in place of what the charts would', () => {
    const server = {
      env: [{ name: 'HOME', value: '/data' }],
      volumes: [{ name: 'data', emptyDir: {} }],
      volumeMounts: [{ name: 'data', mountPath: '/tmp/' }],
    };
    const { volumes, containers } = podSpec(commanded(server));
    expect(volumes.map(({ name }: Found) => name)).toEqual(['berth-identity', 'berth-home', 'data']);
    expect(containers[0].env.filter(({ name }: Found) => name === 'HOME')).toEqual(server.env);
  });

  test('writes no more than it may', () => {
    const { volumes } = podSpec(commanded({ scratchSize: '512MiB' }));
    const sizes = volumes.filter(({ emptyDir }: Found) => emptyDir !== undefined);
    expect(sizes.map(({ emptyDir }: Found) => emptyDir.sizeLimit)).toEqual(['512Mi', '512Mi']);
  });

  test('gets memory for as many processes as there may be, and one of them may go to its limit', () => {
    const memory = (more: Record<string, unknown>) => {
      const { requests, limits } = renderedContainer(more).resources;
      return [requests.memory, limits.memory];
    };
    expect(memory(commanded({ maxConnections: 10 }))).toEqual(['672Mi', '1344Mi']);
    expect(memory(commanded({ maxConnections: 10, share: true }))).toEqual(['192Mi', '384Mi']);
    expect(memory(commanded({ maxConnections: 10, childMemory: '500MiB' }))).toEqual(['672Mi', '1856Mi']);
  });

  test('gets time to end after the last call', () => {
    expect(podSpec(commanded()).terminationGracePeriodSeconds).toBe(5 + 15 + 60 + 5 + 5);
  });

  test('is in berth’s own image unless it has one of its own', () => {
    expect(podSpec(commanded())).not.toHaveProperty('initContainers');
    expect(renderedContainer(commanded())).not.toHaveProperty('command');
  });
});

describe('the image of a command', () => {
  const spec = podSpec(commanded({ commandImage: { ...image, pullPolicy: 'Always' } }));
  const [installer] = spec.initContainers;
  const [container] = spec.containers;

  test('runs with the program that berth’s image is copied to', () => {
    expect(container).toMatchObject({ image: 'localhost/notes:7', imagePullPolicy: 'Always' });
    expect(installer).toMatchObject({ image: 'localhost/berth:dev', imagePullPolicy: 'IfNotPresent' });
    const [node, script] = container.command;
    expect(installer.command.slice(0, 2)).toEqual(['node', '-e']);
    expect(installer.command[2]).toContain(`'${node}'`);
    expect(script.startsWith('/berth/app/')).toBe(true);
    expect(container.args[0]).toBe('serve');
  });

  test('can not change that program', () => {
    const of = ({ volumeMounts }: Found) => volumeMounts.find(({ mountPath }: Found) => mountPath === '/berth');
    expect(of(installer)).toEqual({ name: 'berth-program', mountPath: '/berth' });
    expect(of(container)).toEqual({ name: 'berth-program', mountPath: '/berth', readOnly: true });
    expect(spec.volumes).toContainEqual({ name: 'berth-program', emptyDir: {} });
  });

  test('listens on all addresses as berth’s image does, unless the user says otherwise', () => {
    expect(variables(container).BERTH_HOST).toBe('0.0.0.0');
    expect(variables(renderedContainer(commanded()))).not.toHaveProperty('BERTH_HOST');
    const env = [{ name: 'BERTH_HOST', value: '::' }];
    expect(variables(renderedContainer(commanded({ commandImage: image, env }))).BERTH_HOST).toBe('::');
  });

  test('and the copying meet Pod Security "restricted"', () => {
    for (const { securityContext } of [installer, container]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        readOnlyRootFilesystem: true,
      });
    }
  });
});

describe('a sidecar', () => {
  test('starts before berth and ends after it', () => {
    const { initContainers, containers } = podSpec({ sidecar });
    expect(initContainers).toHaveLength(1);
    expect(initContainers[0]).toMatchObject({ name: 'server', image: 'localhost/notes:7', restartPolicy: 'Always' });
    expect(containers.map(({ name }: Found) => name)).toEqual(['berth']);
  });

  test('is what berth serves', () => {
    const upstream = (more: object) =>
      renderedContainer({ sidecar: { ...sidecar, ...more } }).args.find((word: string) => word.includes('upstream'));
    expect(upstream({})).toBe('--upstream=http://127.0.0.1:9000/mcp');
    expect(upstream({ port: 3000, path: '/' })).toBe('--upstream=http://127.0.0.1:3000/');
  });

  test('has started once its port can be connected to, or when the user’s probe says so', () => {
    const probe = (startupProbe?: object) =>
      podSpec({ sidecar: { ...sidecar, ...(startupProbe && { startupProbe }) } }).initContainers[0].startupProbe;
    expect(probe()).toEqual({ tcpSocket: { port: 9000 }, periodSeconds: 2, failureThreshold: 30 });
    expect(probe({ httpGet: { path: '/healthz', port: 9000 } })).toEqual({ httpGet: { path: '/healthz', port: 9000 } });
    expect(probe({})).toBeUndefined();
  });

  test('lives as long as it wants to unless the user has it probed', () => {
    const livenessProbe = { tcpSocket: { port: 9000 } };
    expect(podSpec({ sidecar }).initContainers[0]).not.toHaveProperty('livenessProbe');
    expect(podSpec({ sidecar: { ...sidecar, livenessProbe } }).initContainers[0].livenessProbe).toEqual(livenessProbe);
  });

  test('is restricted and may write to /tmp only, until the user says otherwise', () => {
    const [container] = podSpec({ sidecar }).initContainers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    });
    expect(container.volumeMounts).toEqual([{ name: 'server-tmp', mountPath: '/tmp' }]);
    const free = {
      securityContext: { readOnlyRootFilesystem: false },
      volumeMounts: [{ name: 'v', mountPath: '/tmp' }],
    };
    const { initContainers, volumes } = podSpec({
      sidecar: { ...sidecar, ...free },
      server: { volumes: [{ name: 'v' }] },
    });
    expect(initContainers[0].securityContext).toMatchObject({
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: false,
    });
    expect(initContainers[0].volumeMounts).toEqual(free.volumeMounts);
    expect(volumes.map(({ name }: Found) => name)).toEqual(['berth-identity', 'v']);
  });

  test('has none of the tokens by which pods prove who they are', () => {
    const { volumeMounts } = podSpec({ sidecar }).initContainers[0];
    expect(JSON.stringify(volumeMounts)).not.toContain('berth-identity');
  });

  test('gets time to end once berth has', () => {
    expect(podSpec({ sidecar }).terminationGracePeriodSeconds).toBe(5 + 15 + 60 + 5 + 5);
  });

  test('that is away makes its pod unready and never has it restarted', () => {
    const { startupProbe, readinessProbe, livenessProbe } = renderedContainer({ sidecar });
    expect([startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/livez',
      '/health-check',
      '/livez',
    ]);
  });
});
