import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell, CodeCell } from '@jupyterlab/cells';
import { type Notebook, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import { IProgressHub } from '../tokens';
import { IProgressSettings } from './settings';

/**
 * Tells the hub whether cells are to be operations, and which cell each request to a kernel belongs to. The server sees
 * the request and how long the kernel is busy with it, whatever its language, where a page wants that; only the page
 * knows the cell, and what its user has set.
 */
export const cellsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:cells',
  description: 'Lets cells that run for long be operations, also those that report nothing.',
  autoStart: true,
  requires: [IProgressHub],
  optional: [IProgressSettings],
  activate: (
    _app: JupyterFrontEnd,
    hub: IProgressHub,
    settings: IProgressSettings | null
  ): void => {
    const watch = (): void =>
      hub.send({ type: 'watch_cells', after_s: settings?.cellsAfter_s || null });
    settings?.changed.connect(watch);
    watch();
    NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
      void tell(hub, notebook, cell, () => settings?.cellsAfter_s ?? 0);
    }, hub);
  }
};

async function tell(
  hub: IProgressHub,
  notebook: Notebook,
  cell: Cell,
  after_s: () => number
): Promise<void> {
  const panel = notebook.parent as NotebookPanel | null;
  const kernel = panel?.sessionContext.session?.kernel;
  if (cell.model.type !== 'code' || panel === null || !kernel) {
    return;
  }
  const before = requestOf(cell);
  // The signal comes first; the request is sent in the same turn.
  await Promise.resolve();
  const request = requestOf(cell);
  if (request !== null && request !== before) {
    hub.send({
      type: 'execution',
      kernel_id: kernel.id,
      request,
      cell_id: cell.model.id,
      notebook: panel.context.localPath,
      after_s: after_s() || null
    });
  }
}

/** The id of the request whose outputs a cell shows; null if there was none. */
function requestOf(cell: Cell): string | null {
  const { outputArea } = cell as Cell & Partial<Pick<CodeCell, 'outputArea'>>;
  // The type does not say that an area may have no future yet.
  const future = outputArea?.future as CodeCell['outputArea']['future'] | null | undefined;
  return future?.msg.header.msg_id ?? null;
}
