import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IMimeBundle } from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';

import { plainText } from '../components';
import { MIME_TYPE, type OperationBundle, readBundle, type Snapshot } from '../protocol';

/** The code cells of a notebook. The models are there whether or not their cells are on the screen. */
export function* codeCells(notebook: INotebookModel): Iterable<ICodeCellModel> {
  for (const cell of notebook.cells) {
    if (cell.type === 'code') {
      yield cell as ICodeCellModel;
    }
  }
}

/** The outputs of a cell that show an operation. */
export function* operationOutputs(
  cell: ICodeCellModel
): Iterable<{ index: number; output: IOutputModel; bundle: OperationBundle }> {
  for (let index = 0; index < cell.outputs.length; index++) {
    const output = cell.outputs.get(index);
    const bundle = MIME_TYPE in output.data ? readBundle(output.data[MIME_TYPE]) : null;
    if (bundle !== null) {
      yield { index, output, bundle };
    }
  }
}

/**
 * The bundle of an operation as a notebook stores it: without what differs between two equal runs or is only of
 * interest while it runs, and without a widget, which would be dead after a reload.
 */
export function mimeBundle(snapshot: Snapshot, hubId: string | null): IMimeBundle {
  const stored: Snapshot = {
    ...snapshot,
    tasks: [],
    stages: snapshot.stages.map(stage => ({ ...stage, counters: [] })),
    origin: { ...snapshot.origin, pid: null },
    hub: null
  };
  const bundle: OperationBundle = {
    version: 1,
    operation: snapshot.id,
    hub_id: hubId,
    snapshot: stored
  };
  const text = plainText(snapshot);
  return {
    [MIME_TYPE]: JSON.parse(JSON.stringify(bundle)) as IMimeBundle[string],
    'text/html': `<div>${escapeHtml(text)}</div>`,
    'text/plain': text
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}
