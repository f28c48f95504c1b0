/** The variable that tells whose child a process is, or came from. */
export const CHILD_MARKER = 'BERTH_CHILD';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'];

/** What programs need to find their files, their language and the way out; nothing that is meant for berth alone. */
const ALWAYS = [
  ...['PATH', 'HOME', 'LANG', 'LC_*', 'TZ', 'TMPDIR', 'USER', 'LOGNAME', 'SHELL', 'TERM'],
  ...PROXIES,
  ...PROXIES.map((name) => name.toLowerCase()),
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['npm_config_*', 'NPM_CONFIG_*', 'XDG_*', 'UV_*', 'PIP_*'],
];

/** What `*` does not mean: our own settings, which may hold a store's password, and the cluster's addresses. */
const PRIVATE = ['BERTH_*', 'KUBERNETES_*'];

/** The environment of a command: what any program needs, and what `allowed` names (`NAME`, `NAME*`, or `*` for all). */
export function childEnvironment(
  all: Readonly<Record<string, string | undefined>>,
  allowed: readonly string[],
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    // Ours to set: the marker of a berth around this one would put our children under its guard.
    if (value === undefined || name === CHILD_MARKER) continue;
    if (passes(name, allowed)) passed[name] = value;
  }
  return passed;
}

function passes(name: string, allowed: readonly string[]): boolean {
  const named = allowed.filter((pattern) => pattern !== '*');
  if ([...ALWAYS, ...named].some((pattern) => matches(name, pattern))) return true;
  return allowed.includes('*') && !PRIVATE.some((pattern) => matches(name, pattern));
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
