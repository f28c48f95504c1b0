/** The operator's Service, which the API server's aggregator calls. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** The name that the aggregator expects in the certificate. */
export function serverName({ namespace, name }: ServiceName): string {
  return `${name}.${namespace}.svc`;
}

/** All names that the certificate carries: the aggregator's, the cluster's, and the short one within the namespace. */
export function dnsNames(service: ServiceName): readonly string[] {
  const name = serverName(service);
  return [name, `${name}.cluster.local`, service.name];
}
