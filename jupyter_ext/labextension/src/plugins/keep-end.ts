import type { NotebookPanel } from '@jupyterlab/notebook';

import type { OperationsModel } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import type { Executions } from './executions';
import { codeCells, mimeBundle, operationOutputs } from './outputs';

/** The kernel writes the end itself, where the page still knows the output's display id; it gets this long. */
const KERNEL_FIRST_MS = 2_000;

/**
 * Writes the end of an operation into the outputs that show it, where the kernel's own update did not arrive, so
 * that a saved notebook tells the truth. It works on the models: the cells need not be on the screen.
 */
export class EndKeeper {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly operations: OperationsModel,
    private readonly executions: Executions
  ) {
    panel.disposed.connect(this._stop, this);
  }

  /** Look at the operations with these ids, or at all that the notebook shows. */
  look(ids?: ReadonlySet<string>): void {
    const ended = ids === undefined || [...ids].some(id => this._ended(id) !== null);
    if (ended && this._timer === undefined && this._open(ids).length > 0) {
      this._timer = window.setTimeout(() => {
        this._timer = undefined;
        this._write();
      }, KERNEL_FIRST_MS);
    }
  }

  private _write(): void {
    for (const { output, snapshot, hubId } of this._open()) {
      output.setData({ data: mimeBundle(snapshot, hubId), metadata: output.metadata });
    }
  }

  /** The outputs that show an open state of an operation whose end the hub knows. */
  private _open(ids?: ReadonlySet<string>): IOpenOutput[] {
    const open: IOpenOutput[] = [];
    if (this.panel.isDisposed) {
      return open;
    }
    const notebook = this.panel.context.model;
    for (const cell of codeCells(notebook)) {
      if (notebook.collaborative && !this.executions.ranHere(notebook, cell.id)) {
        // Another client ran it and writes the end; two writers would double the output.
        continue;
      }
      for (const { output, bundle } of operationOutputs(cell)) {
        const snapshot = isTerminal(bundle.snapshot.state) ? null : this._ended(bundle.operation);
        if (snapshot !== null && (ids?.has(snapshot.id) ?? true)) {
          open.push({ output, snapshot, hubId: bundle.hub_id });
        }
      }
    }
    return open;
  }

  private _ended(id: string): Snapshot | null {
    const snapshot = this.operations.get(id);
    return snapshot !== undefined && isTerminal(snapshot.state) ? snapshot : null;
  }

  private _stop(): void {
    window.clearTimeout(this._timer);
  }

  private _timer: number | undefined;
}

interface IOpenOutput {
  output: { setData: (options: object) => void; metadata: object };
  snapshot: Snapshot;
  hubId: string | null;
}
