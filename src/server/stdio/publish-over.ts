import type { AnyMcpServer, Notifier } from '../../sources/define-server.ts';

/** The server object of the one client, once there is one. */
export interface Published {
  server: AnyMcpServer | undefined;
}

/** Publishes changes to the one client that there is over stdio; the server object knows what its client may hear. */
export function publishOver(published: Published): Notifier {
  const tell = (method: string, params?: { readonly uri: string }) => {
    const { server } = published;
    if (server === undefined) return;
    const protocol = 'server' in server ? server.server : server;
    // A client that cannot be told, or a server that never said it would tell, changes nothing for anybody else.
    Promise.resolve()
      .then(() => protocol.notification({ method, ...(params && { params }) } as never))
      .catch(() => {});
  };
  return {
    toolsChanged: () => tell('notifications/tools/list_changed'),
    promptsChanged: () => tell('notifications/prompts/list_changed'),
    resourcesChanged: () => tell('notifications/resources/list_changed'),
    resourceUpdated: (uri) => tell('notifications/resources/updated', { uri }),
  };
}
