import type { IDismissed } from '../components';

const STORAGE_KEY = 'progress-kit:dismissed';
/** The hub forgets ended operations too: older ones than these need no remembering. */
const MOST_REMEMBERED = 2_000;

/** The operations that were put away in this browser tab; a reload does not bring them back. */
export class Dismissed implements IDismissed {
  get ids(): ReadonlySet<string> {
    return this._ids;
  }

  add(id: string): void {
    this._ids = new Set([...this._ids, id].slice(-MOST_REMEMBERED));
    try {
      window.sessionStorage.setItem(STORAGE_KEY, JSON.stringify([...this._ids]));
    } catch {
      // Storage is full or forbidden: it holds until the page is left.
    }
  }

  private _ids: ReadonlySet<string> = new Set(stored());
}

function stored(): string[] {
  try {
    const ids: unknown = JSON.parse(window.sessionStorage.getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(ids) ? ids.filter(id => typeof id === 'string') : [];
  } catch {
    return [];
  }
}
