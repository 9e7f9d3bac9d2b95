import { percentOf } from '../components';

/** Puts the overall progress before the title of the page, whatever the application writes there, and takes it away again. */
export class TitlePrefix {
  constructor() {
    // JupyterLab writes the title anew with each change of what is in front. The element is there from the start.
    const title = document.querySelector('title');
    if (title !== null) {
      new MutationObserver(() => this._apply()).observe(title, { childList: true });
    }
  }

  /** Show this before the title; empty for nothing. */
  set(prefix: string): void {
    if (prefix !== this._prefix) {
      const bare = this._bare();
      this._prefix = prefix;
      this._write(bare);
    }
  }

  private _apply(): void {
    if (document.title !== this._written) {
      this._written = null;
      this._write(this._bare());
    }
  }

  /** The title without what was put before it. */
  private _bare(): string {
    const { title } = document;
    return this._prefix !== '' && title.startsWith(this._prefix)
      ? title.slice(this._prefix.length)
      : title;
  }

  private _write(bare: string): void {
    const title = this._prefix + bare;
    if (document.title !== title) {
      document.title = title;
    }
    this._written = document.title;
  }

  private _prefix = '';
  private _written: string | null = null;
}

/** `[42%] `; `[…] ` where something runs whose total nobody knows; a question mark where the number is old. */
export function prefixOf(running: number, fraction: number | null, offline: boolean): string {
  if (running === 0) {
    return '';
  }
  const said = fraction === null ? '…' : percentOf({ fraction }).replace(' ', '');
  return `[${said}${offline ? '?' : ''}] `;
}
