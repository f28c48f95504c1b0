import type { ServiceName } from '../certificates/service-name.ts';
import { type ApiService, unavailability } from './api-service.ts';

/**
 * `Registered`: requests reach the operator. `Unavailable`: registered, but they do not. `NotReady`: nothing to register
 * yet. `Foreign`: another server has the API. `Uninstalling`: the ClusterRole is gone. `Failed`: the API server refused.
 * `Unknown`: not looked at yet.
 */
export type ApiServicesReason =
  | 'Registered'
  | 'Unavailable'
  | 'NotReady'
  | 'Foreign'
  | 'Uninstalling'
  | 'Failed'
  | 'Unknown';

/** Whether an HPA can get numbers from the operator, for people and for a condition. */
export interface ApiServicesState {
  readonly available: boolean;
  readonly reason: ApiServicesReason;
  readonly message: string;
}

/** What is known before the first look. */
export const UNKNOWN: ApiServicesState = not('Unknown', 'The metrics API has not been looked at yet');

/** A state in which an HPA gets nothing from the operator. */
export function not(reason: Exclude<ApiServicesReason, 'Registered'>, message: string): ApiServicesState {
  return { available: false, reason, message };
}

/** Another server has the metrics API. */
export function foreign(others: readonly ApiService[]): ApiServicesState {
  const list = others.map(({ metadata, spec: { service } }) =>
    service ? `${metadata.name} is served by ${service.namespace}/${service.name}` : `${metadata.name} is built in`,
  );
  return not(
    'Foreign',
    `The metrics API belongs to another server: ${list.join(', ')}. Set autoscaling.source to keda or ` +
      'prometheus-adapter, or remove what is registered there for berth to take over',
  );
}

/** What the API server says of our APIServices. */
export function registered(ours: readonly ApiService[], { namespace, name }: ServiceName): ApiServicesState {
  const problems = ours.flatMap((one) => unavailability(one) ?? []);
  if (problems.length > 0) return not('Unavailable', `The metrics API cannot be reached: ${problems.join(', ')}`);
  return { available: true, reason: 'Registered', message: `The metrics API is served by ${namespace}/${name}` };
}
