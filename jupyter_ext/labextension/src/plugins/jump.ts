import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import type { Origin } from '../protocol';
import { leaveWord, takeWord } from './arrival';

/** The id of the panel that lists the operations. */
export const PANEL_ID = 'progress-kit-panel';

/**
 * Brings a person to where an operation runs or ran: its notebook and its cell, the panel for everything that has
 * neither.
 */
export class Jumper {
  /** @param notebooks - the open notebooks; null where the application has none. */
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _notebooks: INotebookTracker | null
  ) {}

  /**
   * Go there. A notebook that is not open is opened: Jupyter Notebook opens it in a tab of its own, whose page then
   * finds word of the cell.
   */
  async to(origin: Origin): Promise<void> {
    const panel = this.panelOf(origin) ?? (await this._open(origin));
    if (panel === 'elsewhere') {
      return;
    }
    if (panel === null) {
      this._app.shell.activateById(PANEL_ID);
      return;
    }
    this._app.shell.activateById(panel.id);
    await Promise.all([panel.context.ready, panel.revealed]);
    await showCell(panel, origin.cell_id);
  }

  /** Show the cell that another page has sent its user to, in a notebook that is opened here. */
  async arrive(panel: NotebookPanel): Promise<void> {
    await Promise.all([this._app.restored, panel.context.ready, panel.revealed]);
    // Jupyter Notebook makes one for a moment in the page that opens another.
    const cell = panel.isAttached ? takeWord(panel.context.path) : null;
    if (cell !== null) {
      await showCell(panel, cell);
    }
  }

  /** The open notebook of an operation, the one with its kernel first; null if there is none. */
  panelOf(origin: Origin): NotebookPanel | null {
    const { kernel_id, notebook } = origin;
    const path = notebook === null ? null : this._path(notebook);
    return (
      this._find(panel => kernel_id !== null && kernelOf(panel) === kernel_id) ??
      this._find(panel => path !== null && panel.context.path === path)
    );
  }

  private _find(isIt: (panel: NotebookPanel) => boolean): NotebookPanel | null {
    return this._notebooks?.find(isIt) ?? null;
  }

  private async _open(origin: Origin): Promise<NotebookPanel | 'elsewhere' | null> {
    const path = this._running(origin.kernel_id) ?? this._path(origin.notebook ?? '');
    const { commands } = this._app;
    if (path === null || !path.endsWith('.ipynb') || !commands.hasCommand('docmanager:open')) {
      return null;
    }
    await commands.execute('docmanager:open', { path });
    const panel = this._find(each => each.context.path === path && each.isAttached);
    if (panel === null && origin.cell_id !== null) {
      leaveWord(path, origin.cell_id);
    }
    return panel ?? 'elsewhere';
  }

  /** The path of the session with this kernel: a notebook may have been renamed since its kernel started. */
  private _running(kernelId: string | null): string | null {
    for (const session of this._app.serviceManager.sessions.running()) {
      if (kernelId !== null && session.kernel?.id === kernelId && session.type === 'notebook') {
        return session.path;
      }
    }
    return null;
  }

  private _path(notebook: string): string | null {
    return contentsPath(notebook, PageConfig.getOption('serverRoot'));
  }
}

/**
 * The path by which the server's contents know a file; null if it is not below the server's root.
 *
 * A kernel knows its notebook by the path in the file system. Of the root the page knows the same, but for the home
 * directory, which Jupyter abbreviates to `~`.
 */
export function contentsPath(file: string, serverRoot: string): string | null {
  const path = file.replace(/\\/g, '/');
  const root = serverRoot.replace(/\\/g, '/').replace(/\/+$/, '');
  if (path === '') {
    return null;
  }
  if (!/^(\/|[a-z]:\/)/i.test(path)) {
    return path;
  }
  if (root === '~' || root.startsWith('~/')) {
    const home = /^(?:[a-z]:)?\/(?:root|(?:home|users)\/[^/]+)(?=\/)/i.exec(path)?.[0];
    const below = `${root.slice(1)}/`;
    const at = home?.length ?? (below === '/' ? -1 : path.indexOf(below));
    return at >= 0 && path.startsWith(below, at) ? path.slice(at + below.length) : null;
  }
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

function kernelOf(panel: NotebookPanel): string | null {
  return panel.sessionContext.session?.kernel?.id ?? null;
}

async function showCell(panel: NotebookPanel, cellId: string | null): Promise<void> {
  const notebook = panel.content;
  const index = notebook.widgets.findIndex(cell => cell.model.id === cellId);
  const cell = notebook.widgets[index];
  if (cell === undefined) {
    return;
  }
  notebook.activeCellIndex = index;
  notebook.mode = 'command';
  await notebook.scrollToCell(cell, 'center');
}
