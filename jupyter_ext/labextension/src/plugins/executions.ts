import { type INotebookModel, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { OperationsModel } from '../model';

/** Where the pages of one browser tell each other, and themselves after a reload, when a cell was last run. */
const STORAGE_KEY = 'progress-kit:executions';
const MOST_REMEMBERED = 500;

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
  }

  /** Whether this page ran the cell since it opened the document. */
  ranHere(notebook: INotebookModel, cellId: string): boolean {
    return this._here.get(notebook)?.has(cellId) ?? false;
  }

  /** When the cell was last run from this browser, in seconds of the hub's clock; null if unknown. */
  lastRun(panel: NotebookPanel, cellId: string): number | null {
    const keys = keysOf(panel, cellId);
    const times = readTimes().flatMap(([key, at]) => (keys.includes(key) ? [at] : []));
    return times.length === 0 ? null : Math.max(...times);
  }

  private _scheduled(notebook: INotebookModel, panel: NotebookPanel | null, cellId: string): void {
    const here = this._here.get(notebook) ?? new Set<string>();
    this._here.set(notebook, here.add(cellId));
    // A clock that was never compared with the hub's tells nothing.
    const key = panel === null || !this.model.synced ? undefined : keysOf(panel, cellId)[0];
    if (key === undefined) {
      return;
    }
    const times = readTimes().filter(([other]) => other !== key);
    times.push([key, this.model.clock.now()]);
    try {
      window.localStorage.setItem(STORAGE_KEY, JSON.stringify(times.slice(-MOST_REMEMBERED)));
    } catch {
      // Storage is full or forbidden: re-attaching then knows less, nothing else is lost.
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

function readTimes(): [key: string, at: number][] {
  try {
    const times: unknown = JSON.parse(window.localStorage.getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(times) ? (times as [string, number][]) : [];
  } catch {
    return [];
  }
}
