import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { type ConfigSources, readAskedConfig, readServeConfig } from '../../src/config/read-config.ts';
import { environmentName, flagName, parkedLimit, serveConfigKeys } from '../../src/config/serve-config.ts';

const read = (sources: Partial<ConfigSources>) => readServeConfig({ flags: {}, environment: {}, ...sources });

function problems(sources: Partial<ConfigSources>): readonly string[] {
  try {
    read(sources);
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
  return [];
}

function file(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'berth-config-')), 'berth.yaml');
  writeFileSync(path, content);
  return path;
}

test('flags go before the environment, the environment before the file, the file before the defaults', () => {
  const path = file('port: 1\nadminPort: 2\nmaxConnections: 3\n');
  const config = read({
    flags: { port: '11' },
    environment: { BERTH_PORT: '21', BERTH_ADMIN_PORT: '22' },
    file: path,
  });
  expect(config).toMatchObject({ port: 11, adminPort: 22, maxConnections: 3, host: '127.0.0.1' });
});

test('durations become milliseconds, sizes bytes, lists lists', () => {
  const flags = { sessionIdleTimeout: '1h30m', maxBody: '2MiB', allowedHosts: 'a.example, b.example' };
  expect(read({ flags })).toMatchObject({
    sessionIdleTimeout: 5_400_000,
    maxBody: 2_097_152,
    allowedHosts: ['a.example', 'b.example'],
  });
});

test('the defaults are those of the table', () => {
  expect(read({})).toMatchObject({
    transport: 'streamable-http',
    host: '127.0.0.1',
    port: 8000,
    adminPort: 9464,
    maxConnections: 1000,
    sessionIdleTimeout: 1_800_000,
    evictAfter: 300_000,
    maxEventLog: 65_536,
    maxRequestsPerSession: 64,
    maxBody: 4_194_304,
    bodyTimeout: 10_000,
    maxStreamBuffer: 1_048_576,
    drainDelay: 5_000,
    drainWindow: 15_000,
    longestCall: 60_000,
  });
});

test('what makes one server of several processes can be told', () => {
  const flags = { workers: '4', parkAfter: '30s', maxParked: '7', peerPort: '0', peerIdentity: 'key:/run/key' };
  expect(read({ flags })).toMatchObject({ workers: 4, parkAfter: 30_000, maxParked: 7, peerPort: 0 });
  expect(read({ flags: { peers: 'berth-peers' } }).peers).toEqual(['berth-peers']);
  const peers = ['10.0.0.1:8001', '[::1]', '[fd00::2]:8001', 'a_b.example.com'];
  expect(read({ flags: { peers: peers.join() } }).peers).toEqual(peers);
});

test.each(['memory', 'redis://cache', 'redis://u:p@10.0.0.1:6379/2', 'rediss://[::1]:6380'])(
  '%s is a session store',
  (sessionStore) => {
    expect(read({ flags: { sessionStore } }).sessionStore).toBe(sessionStore);
  },
);

test.each(['', 'disk', 'http://cache', 'redis://', 'redis:///0', 'redis:cache', 'redis://h:99999', 'redis://a b'])(
  '%j is no session store',
  (sessionStore) => {
    expect(problems({ flags: { sessionStore } })).toEqual([
      `--session-store must be memory or an address such as redis://host:6379 or rediss://host:6379. Got "${sessionStore}".`,
    ]);
  },
);

test('a wrong address is told without the password in it', () => {
  const [said] = problems({ environment: { BERTH_SESSION_STORE: 'redis://u:se/c#ret@cache:6379' } });
  expect(said).toContain('Got "redis://…@cache:6379".');
});

test.each(['a:b', ':8001', '::1', '[::g]', '[]', 'a:0', 'a:70000', 'a/b', 'a b', 'u@a', 'http://a'])(
  '%j is no peer',
  (peer) => {
    expect(problems({ flags: { peers: `ok,${peer}` } })).toEqual([
      `--peers must be a host or host:port, with an IPv6 address in brackets. Got "${peer}".`,
    ]);
  },
);

test('an empty peer is an error, no peers at all are none', () => {
  expect(problems({ flags: { peers: 'a,,b' } })).toHaveLength(1);
  expect(read({ flags: { peers: '' } }).peers).toEqual([]);
});

test.each(['', 'key', 'key:', 'token', 'auto '])('%j is no way for pods to know each other', (peerIdentity) => {
  expect(problems({ flags: { peerIdentity } })).toEqual([
    `--peer-identity must be auto, or key: and the path of a file. Got "${peerIdentity}".`,
  ]);
});

test('ten times as many parked records are kept as a worker holds connections, unless it is told', () => {
  expect(parkedLimit(read({ flags: { maxConnections: '25' } }))).toBe(250);
  expect(parkedLimit(read({ flags: { maxConnections: '25', maxParked: '0' } }))).toBe(0);
});

test('the number of connections may be left to berth, by flag, variable and file', () => {
  const given: readonly Partial<ConfigSources>[] = [
    { flags: { maxConnections: 'auto' } },
    { environment: { BERTH_MAX_CONNECTIONS: 'auto' } },
    { file: file('maxConnections: auto\n') },
  ];
  for (const sources of given) {
    expect(readAskedConfig({ flags: {}, environment: {}, ...sources }).maxConnections).toBe('auto');
    expect(() => read(sources)).toThrow('--max-connections must be a number here. Got auto');
  }
});

describe('bad values name what was given, what was found and what is allowed', () => {
  const rows: readonly (readonly [Partial<ConfigSources>, string])[] = [
    [{ flags: { maxConnections: '0' } }, '--max-connections must be at least 1. Got 0.'],
    [{ flags: { maxConnections: '-3' } }, '--max-connections must be at least 1. Got -3.'],
    [{ flags: { maxConnections: 'many' } }, '--max-connections must be a number or auto. Got "many".'],
    [{ flags: { maxConnections: '1.5' } }, '--max-connections must be an integer or auto. Got 1.5.'],
    [{ flags: { port: '70000' } }, '--port must be at most 65535. Got 70000.'],
    [{ environment: { BERTH_PORT: '70000' } }, 'BERTH_PORT must be at most 65535. Got 70000.'],
    [{ flags: { bodyTimeout: 'soon' } }, '--body-timeout must be a duration such as 500ms, 30s or 1h30m. Got "soon".'],
    [{ flags: { maxBody: '4MB' } }, '--max-body must be a size such as 512B, 64KiB or 4MiB. Got "4MB".'],
    [{ flags: { logLevel: 'loud' } }, '--log-level must be one of trace, debug, info, warn, error. Got "loud".'],
    [{ flags: { port: '9464' } }, '--port and --admin-port are both 9464. They must differ.'],
    [{ flags: { transport: 'stdio', port: '1' } }, '--port has no effect with --transport stdio.'],
    [{ flags: { transport: 'sse', maxEventLog: '1KiB' } }, '--max-event-log has no effect with --transport sse.'],
    [{ flags: { stateless: true, transport: 'stdio' } }, '--stateless has no effect with --transport stdio.'],
    [{ flags: { share: true } }, '--share has no effect when berth serves a module.'],
    [{ source: 'command', flags: { share: true, warmChildren: '3' } }, '--warm-children has no effect with --share.'],
    [
      { source: 'command', flags: { transport: 'sse', sessionStore: 'redis://cache' } },
      '--session-store has no effect with --transport sse.',
    ],
    [{ flags: { stateless: true, parkAfter: '5s', port: 'x' } }, '--park-after has no effect with --stateless.'],
    [
      { flags: { upstream: 'http://127.0.0.1:9000/mcp', startTimeout: '5s' } },
      '--start-timeout has no effect when berth serves an upstream.',
    ],
    [
      { environment: { BERTH_MAX_CONECTIONS: '3' } },
      'BERTH_MAX_CONECTIONS is not known. Did you mean BERTH_MAX_CONNECTIONS?',
    ],
  ];
  test.for(rows)('%j', ([sources, message]) => {
    expect(problems(sources)).toContain(message);
  });
});

test.each<keyof ConfigSources['flags']>(['share', 'warmChildren', 'sessions'])(
  '%s does nothing for the one client of a command over stdio',
  (key) => {
    const value = { share: true, warmChildren: '2', sessions: 'parkable' }[key as 'share'] ?? '';
    expect(problems({ source: 'command', flags: { transport: 'stdio', [key]: value } })).toEqual([
      `${flagName(key)} has no effect with --transport stdio.`,
    ]);
  },
);

test('sessions of HTTP+SSE are all that is left of sessions with http-compat and --stateless', () => {
  const flags = { transport: 'http-compat', stateless: true } as const;
  const gone = { sessionIdleTimeout: '5m', parkAfter: '5s', maxParked: '1', maxEventLog: '1KiB', evictAfter: '5s' };
  const store = { sessionStore: 'redis://cache' };
  expect(problems({ source: 'command', flags: { ...flags, ...gone, ...store } })).toEqual(
    [...Object.keys(gone), 'sessionStore'].map((key) => `${flagName(key)} has no effect with --stateless.`),
  );
  const kept = { sessions: 'parkable', maxRequestsPerSession: '3' };
  expect(problems({ source: 'command', flags: { ...flags, ...kept } })).toEqual([]);
  expect(problems({ source: 'command', flags: { transport: 'http-compat', ...gone, ...store } })).toEqual([]);
});

test('variables that do nothing over stdio do not contradict each other there', () => {
  const environment = { BERTH_WORKERS: '3', BERTH_PEERS: 'x', BERTH_PORT: '9464' };
  expect(problems({ environment, flags: { transport: 'stdio' } })).toEqual([]);
  expect(problems({ environment })).toHaveLength(2);
});

test('all problems are told at once', () => {
  expect(problems({ flags: { port: '70000', maxConnections: '0', bodyTimeout: 'x' } })).toHaveLength(3);
});

test('a file with an unknown key, a file that is no map and one that is no YAML are errors', () => {
  expect(problems({ file: file('maxConection: 3') })[0]).toMatch(
    /maxConection in .* is not known\. Did you mean maxConnections\?/,
  );
  expect(problems({ file: file('- 1\n- 2') })[0]).toMatch(/must hold a map/);
  expect(problems({ file: file('a: [1,') })[0]).toMatch(/could not be read/);
  expect(problems({ file: '/nowhere/berth.yaml' })[0]).toMatch(/could not be read: ENOENT/);
});

test('what Kubernetes sets for a Service called berth is left alone', () => {
  const environment = {
    BERTH_PORT: 'tcp://10.0.0.1:80',
    BERTH_PORT_80_TCP: 'tcp://10.0.0.1:80',
    BERTH_PORT_80_TCP_ADDR: '10.0.0.1',
    BERTH_SERVICE_HOST: '10.0.0.1',
    BERTH_SERVICE_PORT_MCP: '80',
  };
  expect(read({ environment }).port).toBe(8000);
});

test('every setting has a flag and a variable of its own', () => {
  expect(new Set(serveConfigKeys.map(flagName)).size).toBe(serveConfigKeys.length);
  expect(new Set(serveConfigKeys.map(environmentName)).size).toBe(serveConfigKeys.length);
});
