import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { synthCommand } from '../../src/cli/synth.ts';

async function printed(...args: string[]): Promise<string> {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  try {
    await synthCommand().parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return text;
}

test('berth synth operator and berth synth crds print the committed manifests', async () => {
  expect(await printed('operator')).toBe(readFileSync('manifests/operator.yaml', 'utf8'));
  expect(await printed('crds')).toBe(readFileSync('manifests/crds.yaml', 'utf8'));
});

test('berth synth operator takes another image, namespace, and the namespaces of fleets', async () => {
  const flags = ['--image', 'registry.example.com/berth:1', '--namespace', 'ops', '--namespaces', 'b,a,b'];
  const yaml = await printed('operator', ...flags);
  for (const part of ['image: registry.example.com/berth:1', 'namespace: ops', '- --namespaces=b,a\n']) {
    expect(yaml).toContain(part);
  }
  expect(yaml).not.toContain('berth-system');
});

test.each([
  [
    ['operator', '--namespace', 'A', '--namespaces', 'a,,b', '--image', 'a b'],
    [
      '--image must be an image. Got "a b".',
      '--namespace must be a DNS label: small letters, digits and -. Got "A".',
      '--namespaces must be names of namespaces with commas between them. Got "a,,b".',
    ],
  ],
  [['operator', '-f', 'values.yaml'], ['--values has no effect on synth operator.']],
  [['--output-dir', 'dist', 'crds'], ['--output-dir has no effect on synth crds.']],
])('berth synth %j says all that is wrong, and prints nothing', async (args, problems) => {
  await expect(printed(...args)).rejects.toMatchObject({ problems });
});
