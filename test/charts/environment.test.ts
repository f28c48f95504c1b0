import { expect, test } from 'vitest';
import { renderedContainer } from './rendered.ts';

const ofPod = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } });

test('a pod knows its address and its generation, whatever the user adds', () => {
  const mine = { name: 'MINE', value: 'at $(POD_IP)' };
  expect(renderedContainer({ namespace: 'mcp', server: { env: [mine] } }).env).toEqual([
    ofPod('POD_IP', 'status.podIP'),
    ofPod('POD_TEMPLATE_HASH', "metadata.labels['pod-template-hash']"),
    mine,
  ]);
});

test('the address of the session store comes from the Secret that is named, and from no argument', () => {
  const sessionStoreSecret = { name: 'store', key: 'url' };
  const { env, args } = renderedContainer({ server: { sessionStore: 'memory', sessionStoreSecret } });
  expect(env).toContainEqual({ name: 'BERTH_SESSION_STORE', valueFrom: { secretKeyRef: sessionStoreSecret } });
  expect(args.join(' ')).not.toContain('--session-store');
});
