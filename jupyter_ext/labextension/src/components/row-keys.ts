import type { Row } from '../model';

/** How many rows a page is for the keyboard. */
const PAGE = 10;

/**
 * What a key does in a list of rows: the index of the row to go to, `toggle` to open or close the row, `dismiss` to
 * put it away, null if it does nothing there.
 */
export function rowAfterKey(
  key: string,
  at: number,
  rows: readonly Row[],
  expanded: ReadonlySet<string>
): number | 'toggle' | 'dismiss' | null {
  const row = rows[at];
  if (row === undefined) {
    return null;
  }
  const open = row.kind === 'group' ? !row.collapsed : expanded.has(row.key);
  const within = (index: number): number => Math.max(0, Math.min(rows.length - 1, index));
  switch (key) {
    case 'ArrowDown':
      return within(at + 1);
    case 'ArrowUp':
      return within(at - 1);
    case 'PageDown':
      return within(at + PAGE);
    case 'PageUp':
      return within(at - PAGE);
    case 'Home':
      return 0;
    case 'End':
      return rows.length - 1;
    case 'ArrowRight':
      return open ? null : 'toggle';
    case 'ArrowLeft':
      return open ? 'toggle' : above(at, rows);
    case 'Enter':
    case ' ':
      return 'toggle';
    case 'Delete':
      return row.kind === 'operation' ? 'dismiss' : null;
    default:
      return null;
  }
}

/** The row that a row belongs to: an operation's parent, or its group; null for a group. */
function above(at: number, rows: readonly Row[]): number | null {
  const level = levelOf(rows[at]);
  for (let index = at - 1; index >= 0 && level > 0; index--) {
    if (levelOf(rows[index]) < level) {
      return index;
    }
  }
  return null;
}

function levelOf(row: Row | undefined): number {
  return row?.kind === 'operation' ? row.level : 0;
}
