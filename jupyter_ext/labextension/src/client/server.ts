import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { LineReason } from '../model';
import type { Action, ResumePoint, StateResponse } from '../protocol';
import type { IHubServer, ISocket } from './connection';
import { Refused } from './refused';

/** The life of a page's token; it is renewed on the open connection. */
const TOKEN_LIFE_S = 300;

/** The hub of the Jupyter server that this page came from. */
export class ServerHub implements IHubServer {
  constructor(
    private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {}

  /** Ask for a token that may watch and command. */
  async mint(): Promise<string> {
    const response = await this.request('tokens', {
      method: 'POST',
      body: JSON.stringify({
        scopes: ['subscribe', 'command'],
        operation: null,
        notebook: null,
        expires_in_s: TOKEN_LIFE_S
      })
    });
    const { token } = (await answerOf(response)) as { token: string };
    return token;
  }

  /** Open the hub's socket. The token travels as a sub-protocol, never in the URL. */
  open(protocols: string[]): ISocket {
    const url = URLExt.join(this.settings.wsUrl, 'progress-kit', 'ws');
    return new this.settings.WebSocket(url, protocols);
  }

  /** What changed since `resume`, or everything. */
  async poll(resume: ResumePoint | null, signal: AbortSignal): Promise<StateResponse> {
    const query =
      resume === null
        ? ''
        : URLExt.objectToQueryString({ epoch: resume.epoch, revision: resume.revision });
    return (await answerOf(await this.request(`operations${query}`, { signal }))) as StateResponse;
  }

  /** Ask an operation to do something; resolves with null when the request was passed on, else with what was wrong. */
  async command(operation: string, action: Action): Promise<string | null> {
    const response = await this.request(`operations/${encodeURIComponent(operation)}/commands`, {
      method: 'POST',
      body: JSON.stringify({ action, reason: null })
    });
    if (response.ok) {
      return null;
    }
    const { error } = (await response.json()) as { error: { message: string } };
    return error.message;
  }

  /** The hub's id, or null when it does not tell. */
  async id(): Promise<string | null> {
    const response = await this.request('health');
    return response.ok ? ((await response.json()) as { hub_id: string }).hub_id : null;
  }

  /** A request to the hub's REST interface as the page's user, `path` below `progress-kit/api/`. */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'progress-kit', 'api', path);
    return ServerConnection.makeRequest(url, init, this.settings);
  }
}

async function answerOf(response: Response): Promise<unknown> {
  if (!response.ok) {
    throw new Refused(`HTTP ${response.status}`, reasonOfStatus(response.status));
  }
  return (await response.json()) as unknown;
}

function reasonOfStatus(status: number): LineReason {
  if (status === 404) {
    return 'missing';
  }
  if (status === 401 || status === 403) {
    return 'forbidden';
  }
  return status === 429 ? 'busy' : 'network';
}
