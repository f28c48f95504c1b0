const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const MOST_OF_A_NAME = 63;
const MOST_OF_A_PREFIX = 253;

/** Whether a text may be the key of a label: a name, with a DNS subdomain and a slash before it or not. */
export function validKey(key: string): boolean {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  return more.length === 0 && validName(name) && (prefix === undefined || validPrefix(prefix));
}

/** Whether a text may be the value of a label, which may be empty. */
export function validValue(value: string): boolean {
  return value === '' || validName(value);
}

function validName(name: string): boolean {
  return name.length <= MOST_OF_A_NAME && NAME.test(name);
}

function validPrefix(prefix: string): boolean {
  return prefix.length <= MOST_OF_A_PREFIX && prefix.split('.').every((label) => DNS_LABEL.test(label));
}
