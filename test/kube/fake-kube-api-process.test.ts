import { expect, test } from 'vitest';
import { httpConnection } from '../../src/kube/connection.ts';
import { kinds } from '../../src/kube/kinds.ts';
import { KubeApi } from '../../src/kube/kube-api.ts';
import { FakeKubeApiProcess } from '../fixtures/fake-kube-api/process.ts';

test('a fake in a process of its own serves what it is told to hold, and says what it was asked', async () => {
  const fake = await FakeKubeApiProcess.start();
  const api = new KubeApi({ connection: httpConnection(fake.url) });
  try {
    const pod = (number: number) => ({
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: { name: `pod-${number}`, namespace: 'team' },
    });
    await fake.put(Array.from({ length: 1_500 }, (_, number) => pod(number)));
    expect(await fake.remove([{ kind: kinds.pod, namespace: 'team', name: 'pod-0' }])).toBe(1);
    expect((await api.list(kinds.pod)).items.length).toBe(1_499);
    expect(await fake.requests()).toEqual({ 'list pods': 3 });
    await expect(fake.put([{ ...pod(1), kind: 'Nothing' }])).rejects.toThrow('has no kind v1 Nothing');
  } finally {
    api.close();
    await fake.stop();
  }
});
