import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { ISocket } from './connection';
import { HubServer } from './hub-server';

/** The hub of the Jupyter server that this page of JupyterLab came from. */
export class ServerHub extends HubServer {
  constructor(
    private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {
    super();
  }

  override open(protocols: string[]): ISocket {
    const url = URLExt.join(this.settings.wsUrl, 'progress-kit', 'ws');
    return new this.settings.WebSocket(url, protocols);
  }

  override request(path: string, init: RequestInit = {}): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'progress-kit', 'api', path);
    return ServerConnection.makeRequest(url, init, this.settings);
  }
}
