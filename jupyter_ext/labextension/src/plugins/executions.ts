import { type INotebookModel, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { OperationsModel } from '../model';

/** Where the pages of one browser tell each other, and themselves after a reload, when a cell was last run. */
const STORAGE_KEY = 'progress-kit:executions';
const MOST_REMEMBERED = 500;

/**
 * A cell by one of its names, when it was last run (seconds of the hub's clock; null where that was not known yet), when
 * that was by the browser's own clock (milliseconds), and whether it has been seen to end since.
 */
type Run = [key: string, at: number | null, local: number, ended: boolean];

/**
 * When cells were run, as far as this browser knows.
 *
 * An operation names its cell but not which run of it: without this, an operation of an earlier run, whose output
 * the next run has replaced, would come back beside the newer one after a reload.
 */
export class Executions {
  constructor(private readonly model: OperationsModel) {
    NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
      if (notebook.model !== null) {
        this._scheduled(notebook.model, notebook.parent as NotebookPanel | null, cell.model.id);
      }
    }, this);
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      this._ended(notebook.parent as NotebookPanel | null, cell.model.id);
    }, this);
  }

  /** Whether this page ran the cell since it opened the document. */
  ranHere(notebook: INotebookModel, cellId: string): boolean {
    return this._here.get(notebook)?.has(cellId) ?? false;
  }

  /** When the cell was last run from this browser, in seconds of the hub's clock; null if unknown. */
  lastRun(panel: NotebookPanel, cellId: string): number | null {
    return this._last(panel, cellId)?.[1] ?? null;
  }

  /**
   * Whether the last run of the cell was asked for before `local` (milliseconds of the browser's clock) and has not been
   * seen to end: by a page that was closed or reloaded, or by another one. The kernel runs it all the same.
   */
  wasQueued(panel: NotebookPanel, cellId: string, local: number): boolean {
    const last = this._last(panel, cellId);
    return last !== undefined && last[2] < local && !last[3];
  }

  private _last(panel: NotebookPanel, cellId: string): Run | undefined {
    const keys = keysOf(panel, cellId);
    return readRuns()
      .filter(([key]) => keys.includes(key))
      .reduce<Run | undefined>(
        (last, run) => (last !== undefined && last[2] > run[2] ? last : run),
        undefined
      );
  }

  private _scheduled(notebook: INotebookModel, panel: NotebookPanel | null, cellId: string): void {
    const here = this._here.get(notebook) ?? new Set<string>();
    this._here.set(notebook, here.add(cellId));
    const key = panel === null ? undefined : keysOf(panel, cellId)[0];
    if (key === undefined) {
      return;
    }
    const others = readRuns().filter(([other]) => other !== key);
    // A clock that was never compared with the hub's tells nothing.
    const at = this.model.synced ? this.model.clock.now() : null;
    writeRuns([...others, [key, at, Date.now(), false]]);
  }

  private _ended(panel: NotebookPanel | null, cellId: string): void {
    if (panel !== null) {
      const keys = keysOf(panel, cellId);
      writeRuns(
        readRuns().map(run => (keys.includes(run[0]) ? [run[0], run[1], run[2], true] : run))
      );
    }
  }

  private readonly _here = new WeakMap<INotebookModel, Set<string>>();
}

/** A cell's names, the best first: a copied notebook has the same cell ids, so its kernel or its path belongs to them. */
function keysOf(panel: NotebookPanel, cellId: string): string[] {
  const { session, path } = panel.sessionContext;
  const byPath = `path:${path}/${cellId}`;
  // A cell may be run while its kernel only starts.
  return session?.kernel ? [`${session.kernel.id}/${cellId}`, byPath] : [byPath];
}

function readRuns(): Run[] {
  try {
    const runs: unknown = JSON.parse(window.localStorage.getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(runs) ? (runs as Run[]) : [];
  } catch {
    return [];
  }
}

function writeRuns(runs: Run[]): void {
  try {
    window.localStorage.setItem(STORAGE_KEY, JSON.stringify(runs.slice(-MOST_REMEMBERED)));
  } catch {
    // Storage is full or forbidden: re-attaching then knows less, nothing else is lost.
  }
}
