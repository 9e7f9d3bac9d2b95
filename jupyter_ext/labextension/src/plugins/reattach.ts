import type { ICodeCellModel } from '@jupyterlab/cells';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';

import type { OperationsModel } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import type { Executions } from './executions';
import { codeCells, mimeBundle, operationOutputs } from './outputs';

/** Two readings of one clock over a network may differ by this much, in seconds. */
const CLOCK_TOLERANCE_S = 1;

/**
 * Puts the outputs of operations back into the cells that they came from, after a page or a document was loaded
 * anew. The kernel's own output went to a page that is gone; the hub still knows operation, kernel and cell.
 *
 * What was run before the document was opened is put back, whether it had begun then or was still waiting for the
 * kernel: JupyterLab takes in the outputs of none but its own page's requests. What is run later brings its own
 * output, and the hub's word of it may be here first.
 */
export class Reattacher {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly operations: OperationsModel,
    private readonly executions: Executions
  ) {
    this._openedAt = openedAt(panel.context);
  }

  /** Look at the operations with these ids, or at all. */
  look(ids?: Iterable<string>): void {
    const { context, sessionContext } = this.panel;
    const kernelId = sessionContext.session?.kernel?.id;
    // A collaborative document keeps its outputs by itself; two pages that add one would double it.
    if (kernelId === undefined || context.model.collaborative) {
      return;
    }
    const found =
      ids === undefined ? this.operations.list() : [...ids].map(id => this.operations.get(id));
    found
      .filter((snapshot): snapshot is Snapshot => snapshot?.origin.kernel_id === kernelId)
      // A plain cell that the server watches put out nothing that could be lost.
      .filter(snapshot => snapshot.hub?.via !== 'server')
      .filter(snapshot => !this._settled.has(snapshot.id))
      .sort((a, b) => begun(a) - begun(b))
      .forEach(snapshot => this._consider(snapshot));
  }

  private _consider(snapshot: Snapshot): void {
    const cellId = snapshot.origin.cell_id;
    const cell = cellId === null ? null : findCell(this.panel.context.model, cellId);
    if (cellId === null || cell === null) {
      return;
    }
    // Whatever is decided now holds: an output that the user clears later shall not come back.
    this._settled.add(snapshot.id);
    const lastRun = this.executions.lastRun(this.panel, cellId);
    if (this._belongs(snapshot, cell, lastRun)) {
      removeReplaced(cell, lastRun);
      cell.outputs.add({
        output_type: 'display_data',
        data: mimeBundle(snapshot, this.operations.hubId),
        metadata: {}
      });
    }
  }

  private _belongs(snapshot: Snapshot, cell: ICodeCellModel, lastRun: number | null): boolean {
    for (const { bundle } of operationOutputs(cell)) {
      if (bundle.operation === snapshot.id) {
        return false;
      }
    }
    const ranHere = this.executions.ranHere(this.panel.context.model, cell.id);
    const wasQueued = this.executions.wasQueued(this.panel, cell.id, this._openedAt * 1000);
    if (ranHere || isReplaced(snapshot, lastRun) || !(wasQueued || this._beganBefore(snapshot))) {
      return false;
    }
    return !isTerminal(snapshot.state) || endedAt(snapshot) > savedAt(this.panel.context);
  }

  /** A page that is busy loading reads the hub's clock late, by seconds: what was there at first needs no clock. */
  private _beganBefore(snapshot: Snapshot): boolean {
    const { clock } = this.operations;
    const opened = clock.now() - (Date.now() / 1000 - this._openedAt);
    return this.operations.wasThere(snapshot.id) || begun(snapshot) < opened;
  }

  private readonly _openedAt: number;
  private readonly _settled = new Set<string>();
}

/** Whether a later run of its cell has replaced what an operation had put out. */
function isReplaced(snapshot: Snapshot, lastRun: number | null): boolean {
  return lastRun !== null && begun(snapshot) < lastRun - CLOCK_TOLERANCE_S;
}

/** The file may be older than the run that goes on: take out the operations of the run before. */
function removeReplaced(cell: ICodeCellModel, lastRun: number | null): void {
  const replaced = [...operationOutputs(cell)].filter(({ bundle }) =>
    isReplaced(bundle.snapshot, lastRun)
  );
  for (const { index } of replaced.reverse()) {
    cell.outputs.remove(index);
  }
}

const openings = new WeakMap<DocumentRegistry.Context, number>();

/** When this page opened a document, in seconds of its own clock; a second view of it opens nothing. */
function openedAt(context: DocumentRegistry.Context): number {
  const known = openings.get(context) ?? Date.now() / 1000;
  openings.set(context, known);
  return known;
}

function findCell(notebook: INotebookModel, cellId: string): ICodeCellModel | null {
  for (const cell of codeCells(notebook)) {
    if (cell.id === cellId) {
      return cell;
    }
  }
  return null;
}

/** When it began, by whichever clock saw it first: a hub that was restarted first saw it later than it began. */
function begun(snapshot: Snapshot): number {
  const seen = snapshot.hub?.first_seen_at ?? Infinity;
  return Math.min(seen, snapshot.started_at ?? seen);
}

/** When it ended, by the server's clock, which is also that of the file's time stamp. */
function endedAt(snapshot: Snapshot): number {
  return snapshot.hub?.changed_at ?? snapshot.ended_at ?? 0;
}

/** When the document was last saved; the beginning of time if never. */
function savedAt(context: DocumentRegistry.Context): number {
  const modified = context.contentsModel?.last_modified;
  return modified ? Date.parse(modified) / 1000 : 0;
}
