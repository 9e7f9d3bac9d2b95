/** Where a page leaves word for the page that opens a notebook in another tab of the browser: which cell to show. */
const STORAGE_KEY = 'progress-kit:arrival';

/** Whoever arrives later was sent by somebody else. In milliseconds. */
const FRESH_MS = 60_000;

interface IWord {
  readonly path: string;
  readonly cell: string;
  readonly at: number;
}

/** Leave word that whoever opens the notebook next is to be shown a cell. */
export function leaveWord(path: string, cell: string): void {
  try {
    const word: IWord = { path, cell, at: Date.now() };
    window.localStorage.setItem(STORAGE_KEY, JSON.stringify(word));
  } catch {
    // Storage is full or forbidden: the notebook is opened all the same, at its beginning.
  }
}

/** The cell to show in the notebook that has been opened, told once; null if there is no word for it. */
export function takeWord(path: string): string | null {
  try {
    const word = JSON.parse(window.localStorage.getItem(STORAGE_KEY) ?? 'null') as IWord | null;
    if (word?.path !== path) {
      return null;
    }
    window.localStorage.removeItem(STORAGE_KEY);
    return Math.abs(Date.now() - word.at) < FRESH_MS ? word.cell : null;
  } catch {
    return null;
  }
}
