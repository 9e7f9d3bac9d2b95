import type { LineReason } from '../model';
import type { Action, InboxRequest, InboxResponse, ResumePoint, StateResponse } from '../protocol';
import type { IHubServer, ISocket } from './connection';
import { Refused } from './refused';

/** The life of a page's token; it is renewed on the open connection. */
const TOKEN_LIFE_S = 300;

/** A hub behind its REST interface; how requests are made, and the socket opened, depends on the page. */
export abstract class HubServer implements IHubServer {
  /** Open the hub's socket. The token travels as a sub-protocol, never in the URL. */
  abstract open(protocols: string[]): ISocket;

  /** A request to the hub's REST interface as the page's user, `path` below `progress-kit/api/`. */
  abstract request(path: string, init?: RequestInit): Promise<Response>;

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

  /** What changed since `resume`, or everything, and the inbox unless it is at the revision `inbox`. */
  async poll(
    resume: ResumePoint | null,
    inbox: number,
    signal: AbortSignal
  ): Promise<StateResponse> {
    const query = new URLSearchParams({ inbox: String(inbox) });
    if (resume !== null) {
      query.set('epoch', resume.epoch);
      query.set('revision', String(resume.revision));
    }
    const response = await this.request(`operations?${query.toString()}`, { signal });
    return (await answerOf(response)) as StateResponse;
  }

  /** Mark what was read in the inbox, and ask for leave to tell of ends. */
  async inbox(request: InboxRequest): Promise<InboxResponse> {
    const init = { method: 'POST', body: JSON.stringify(request) };
    return (await answerOf(await this.request('inbox', init))) as InboxResponse;
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
}

/** The content of an answer; throws `Refused` for an error. */
export async function answerOf(response: Response): Promise<unknown> {
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
