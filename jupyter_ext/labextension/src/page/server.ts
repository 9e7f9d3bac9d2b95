import type { ISocket } from '../client/connection';
import { answerOf, HubServer } from '../client/hub-server';

/** The hub of the server that this page of ours came from, which is at `{base_url}progress-kit/`. */
export class PageHub extends HubServer {
  /** @param place - the address of the page, or of another one in the same place. */
  constructor(place: string) {
    super();
    this.base = new URL('.', place);
  }

  readonly base: URL;

  override open(protocols: string[]): ISocket {
    const url = new URL('ws', this.base);
    url.protocol = url.protocol.replace('http', 'ws');
    return new WebSocket(url, protocols);
  }

  override request(path: string, init: RequestInit = {}): Promise<Response> {
    return this.fetch(new URL(`api/${path}`, this.base), init);
  }

  /** Interrupt a kernel of the same server. */
  async interrupt(kernel: string): Promise<null> {
    const url = new URL(`../api/kernels/${encodeURIComponent(kernel)}/interrupt`, this.base);
    const response = await this.fetch(url, { method: 'POST' });
    if (!response.ok) {
      throw new Error(`HTTP ${response.status}`);
    }
    return null;
  }

  /** Ask as the user who is logged in; Jupyter wants to see its cookie against forgery twice. */
  protected fetch(url: URL, init: RequestInit): Promise<Response> {
    return fetch(url, {
      ...init,
      cache: 'no-store',
      headers: { 'Content-Type': 'application/json', 'X-XSRFToken': cookie('_xsrf') }
    });
  }
}

/** The same hub, asked with the token of a share link and nothing else: who is logged in here does not count. */
export class SharedHub extends PageHub {
  constructor(
    place: string,
    private readonly _token: string
  ) {
    super(place);
  }

  /** The link's token, if the hub still takes it: a refused socket would not say why it was refused. */
  override async mint(): Promise<string> {
    await answerOf(await this.request('operations'));
    return this._token;
  }

  protected override fetch(url: URL, init: RequestInit): Promise<Response> {
    return fetch(url, {
      ...init,
      cache: 'no-store',
      credentials: 'omit',
      headers: { 'Content-Type': 'application/json', 'X-Progress-Kit-Token': this._token }
    });
  }
}

function cookie(name: string): string {
  const found = document.cookie.split('; ').find(each => each.startsWith(`${name}=`));
  return found === undefined ? '' : decodeURIComponent(found.slice(name.length + 1));
}
