import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { LineReason } from '../model';
import { type ISocket, TokenRefused } from './connection';

/** The life of a page's token; it is renewed on the open connection. */
const TOKEN_LIFE_S = 300;

/** The hub of the Jupyter server that this page came from. */
export class ServerHub {
  constructor(
    private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {}

  /** Ask for a token that may watch and command. */
  async mint(): Promise<string> {
    const response = await this._request('tokens', {
      method: 'POST',
      body: JSON.stringify({
        scopes: ['subscribe', 'command'],
        operation: null,
        notebook: null,
        expires_in_s: TOKEN_LIFE_S
      })
    });
    if (!response.ok) {
      throw new TokenRefused(`no token: HTTP ${response.status}`, reasonOf(response.status));
    }
    const { token } = (await response.json()) as { token: string };
    return token;
  }

  /** Open the hub's socket. The token travels as a sub-protocol, never in the URL. */
  open(protocols: string[]): ISocket {
    const url = URLExt.join(this.settings.wsUrl, 'progress-kit', 'ws');
    return new this.settings.WebSocket(url, protocols);
  }

  /** The hub's id, or null when it does not tell. */
  async id(): Promise<string | null> {
    const response = await this._request('health', { method: 'GET' });
    return response.ok ? ((await response.json()) as { hub_id: string }).hub_id : null;
  }

  private _request(path: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'progress-kit', 'api', path);
    return ServerConnection.makeRequest(url, init, this.settings);
  }
}

function reasonOf(status: number): LineReason {
  if (status === 404) {
    return 'missing';
  }
  if (status === 401 || status === 403) {
    return 'forbidden';
  }
  return status === 429 ? 'busy' : 'network';
}
