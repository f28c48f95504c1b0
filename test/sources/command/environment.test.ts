import { expect, test } from 'vitest';
import { childEnvironment } from '../../../src/sources/command/environment.ts';

test.for([
  ['PATH', [], true],
  ['HOME', [], true],
  ['LC_TIME', [], true],
  ['https_proxy', [], true],
  ['NO_PROXY', [], true],
  ['npm_config_registry', [], true],
  ['UV_CACHE_DIR', [], true],
  ['NODE_EXTRA_CA_CERTS', [], true],
  ['AWS_SECRET_ACCESS_KEY', [], false],
  ['NODE_OPTIONS', [], false],
  ['PATHS', [], false],
  ['API_KEY', ['API_KEY'], true],
  ['API_KEY_2', ['API_KEY'], false],
  ['API_KEY_2', ['API_KEY*'], true],
  ['API_KEY', ['*'], true],
  ['BERTH_SESSION_STORE', [], false],
  ['BERTH_SESSION_STORE', ['*'], false],
  ['BERTH_SESSION_STORE', ['*', 'BERTH_SESSION_STORE'], true],
  ['BERTH_SESSION_STORE', ['BERTH_*'], true],
  ['KUBERNETES_SERVICE_HOST', ['*'], false],
  ['KUBERNETES_SERVICE_HOST', ['KUBERNETES_*'], true],
  ['BERTH_CHILD', ['BERTH_CHILD', 'BERTH_*', '*'], false],
] as const)('%s with %j passes: %s', ([name, allowed, passes]) => {
  expect(childEnvironment({ [name]: 'value' }, allowed)).toEqual(passes ? { [name]: 'value' } : {});
});

test('a variable without a value is left out, an empty one is not', () => {
  expect(childEnvironment({ HOME: undefined, TERM: '' }, [])).toEqual({ TERM: '' });
});
