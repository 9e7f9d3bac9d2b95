import type { ILink, IShared, ISharing } from '../model';
import { answerOf } from './hub-server';

const STORAGE_KEY = 'progress-kit:links';
const DAY_S = 86_400;
/** The server's answer to the end of a token that it does not know any more. */
const GONE = 404;

/** Asks the hub for share links. This browser remembers which there are, so that they can be taken back; no tokens. */
export class Sharing implements ISharing {
  /**
   * @param request - a request to the hub's REST interface.
   * @param page - the address of the page for which the links are, without the fragment.
   */
  constructor(
    private readonly request: (path: string, init?: RequestInit) => Promise<Response>,
    private readonly page: string
  ) {
    // Several servers may live below one origin.
    this._key = `${STORAGE_KEY}:${new URL(page).pathname}`;
  }

  links(): readonly ILink[] {
    return this._stored().filter(({ expires_at }) => expires_at > Date.now() / 1000);
  }

  async make(shared: IShared, days: number): Promise<string> {
    const { operation, notebook, name } = shared;
    const response = await this.request('tokens', {
      method: 'POST',
      body: JSON.stringify({
        scopes: ['subscribe'],
        operation,
        notebook,
        expires_in_s: days * DAY_S
      })
    });
    const { token, jti, expires_in_s } = (await answerOf(response)) as IMinted;
    const expires_at = Date.now() / 1000 + expires_in_s;
    this._store([{ jti, operation, notebook, name, expires_at }, ...this.links()]);
    // In the fragment, which browsers do not send: no server and no proxy logs it.
    return `${this.page}#token=${token}`;
  }

  async revoke(jti: string): Promise<void> {
    const response = await this.request(`tokens/${encodeURIComponent(jti)}`, { method: 'DELETE' });
    if (!response.ok && response.status !== GONE) {
      throw new Error(`HTTP ${response.status}`);
    }
    this._store(this.links().filter(link => link.jti !== jti));
  }

  private _stored(): ILink[] {
    try {
      const links: unknown = JSON.parse(window.localStorage.getItem(this._key) ?? '[]');
      return Array.isArray(links) ? links.filter(isLink) : [];
    } catch {
      return this._unstored;
    }
  }

  private _store(links: ILink[]): void {
    this._unstored = links;
    try {
      window.localStorage.setItem(this._key, JSON.stringify(links));
    } catch {
      // Storage is full or forbidden: they are known until the page is left.
    }
  }

  private readonly _key: string;
  private _unstored: ILink[] = [];
}

interface IMinted {
  token: string;
  jti: string;
  expires_in_s: number;
}

function isLink(value: unknown): value is ILink {
  const { jti, name, expires_at } = (value ?? {}) as Partial<Record<keyof ILink, unknown>>;
  return typeof jti === 'string' && typeof name === 'string' && typeof expires_at === 'number';
}
