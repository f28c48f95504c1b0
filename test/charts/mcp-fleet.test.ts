import { App, Chart, JsonPatch } from 'cdk8s';
import { type IRole, Role, RoleBinding } from 'cdk8s-plus-27';
import { expect, test } from 'vitest';
import { McpFleet } from '../../charts/mcp-fleet.ts';
import { render } from '../../charts/render.ts';
import { defineValues } from '../../src/values/validate.ts';
import type { Found } from './rendered.ts';

const values = defineValues({ name: 'notes', namespace: 'mcp', image: { repository: 'notes', tag: 'v1' } });

function chartWith(build: (chart: Chart, fleet: McpFleet) => void, of = values): Found[] {
  const chart = new Chart(new App(), 'mine');
  build(chart, new McpFleet(chart, 'notes', { values: of }));
  return chart.toJson();
}

test('a fleet in a chart of the user’s own is the same objects', () => {
  const sorted = (objects: Found[]) => objects.map((object) => `${object.kind} ${object.metadata.name}`).sort();
  const objects = chartWith(() => {});
  expect(sorted(objects)).toEqual(sorted(render(values)));
  for (const object of render(values)) expect(objects).toContainEqual(object);
});

test('two fleets fit into one chart', () => {
  const other = defineValues({ name: 'other', image: { repository: 'other', tag: 'v1' } });
  const objects = chartWith((chart) => new McpFleet(chart, 'other', { values: other }));
  expect(objects).toHaveLength(2 * render(values).length);
});

test('the fleet’s identity can be granted rights', () => {
  const objects = chartWith((chart, fleet) => {
    const role = new Role(chart, 'role', { metadata: { name: 'reader' } }) as IRole;
    new RoleBinding(chart, 'binding', { role, metadata: { name: 'binding' } }).addSubjects(fleet.serviceAccount);
  });
  expect(objects.find(({ kind }) => kind === 'RoleBinding').subjects).toEqual([
    { apiGroup: '', kind: 'ServiceAccount', name: 'notes', namespace: 'mcp' },
  ]);
});

test('an identity that exists already can be granted rights too', () => {
  const borrowed = defineValues({
    name: 'notes',
    namespace: 'mcp',
    image: { repository: 'notes', tag: 'v1' },
    serviceAccount: { create: false, name: 'shared' },
  });
  chartWith((_, fleet) => {
    expect(fleet.serviceAccount.toSubjectConfiguration()).toMatchObject({ name: 'shared', namespace: 'mcp' });
  }, borrowed);
});

test('any object can be patched by its kind', () => {
  const objects = chartWith((_, fleet) => {
    fleet.object('Deployment').addJsonPatch(JsonPatch.add('/spec/paused', true));
    expect(() => fleet.object('Job')).toThrow('The fleet notes has no Job notes');
  });
  expect(objects.find(({ kind }) => kind === 'Deployment').spec.paused).toBe(true);
});
