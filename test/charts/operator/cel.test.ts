import { expect, test } from 'vitest';
import { given, sentence, value } from '../../../charts/operator/cel.ts';

test.each([
  ['autoscaling.minReplicas', 'self.?autoscaling.?minReplicas.orValue(1)'],
  ['server.drainDelay', 'self.?server.?drainDelay.orValue("5s")'],
  ['server.maxConnections', 'self.?server.?maxConnections.orValue(1000)'],
  ['networkPolicy.enabled', 'self.?networkPolicy.?enabled.orValue(true)'],
  ['ingress.hosts', 'self.?ingress.?hosts.orValue([])'],
  ['podLabels', 'self.?podLabels.orValue({})'],
])('%s is what the spec says, or the same default as in the values', (path, expression) => {
  expect(value(path)).toBe(expression);
});

test('whether a key is there is asked at every level', () => {
  expect(given('autoscaling.behavior.scaleUp')).toBe('self.?autoscaling.?behavior.?scaleUp.hasValue()');
});

test('a sentence is a format and its numbers, whatever else it holds', () => {
  expect(sentence('is {self.a} of 100% and "b" {self.c + 1}.')).toBe(
    String.raw`"is %s of 100%% and \"b\" %s.".format([self.a, self.c + 1])`,
  );
});
