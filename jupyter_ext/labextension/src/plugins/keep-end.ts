import type { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';

import type { OperationsModel } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import type { Executions } from './executions';
import { codeCells, mimeBundle, operationOutputs } from './outputs';

/** The kernel writes the end itself, where the page still knows the output's display id; it gets this long. */
const KERNEL_FIRST_MS = 2_000;
/** In a shared document the page that ran the cell comes next, if it is still there; it gets this long. */
const RUNNER_FIRST_MS = 2_000;
/** Then each of the others gets its turn. */
const TURN_MS = 2_000;
const MOST_TURNS = 5;

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
      this._later(KERNEL_FIRST_MS, () => {
        this._write(this._open().filter(({ isOwn }) => isOwn));
        if (this._open().length > 0) {
          this._later(RUNNER_FIRST_MS + turn(this.panel.context.model) * TURN_MS, () => {
            this._write(this._open());
          });
        }
      });
    }
  }

  private _later(ms: number, then: () => void): void {
    this._timer = window.setTimeout(() => {
      this._timer = undefined;
      then();
    }, ms);
  }

  private _write(open: IOpenOutput[]): void {
    for (const { output, snapshot, hubId } of open) {
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
      const isOwn = !notebook.collaborative || this.executions.ranHere(notebook, cell.id);
      for (const { output, bundle } of operationOutputs(cell)) {
        const snapshot = isTerminal(bundle.snapshot.state) ? null : this._ended(bundle.operation);
        if (snapshot !== null && (ids?.has(snapshot.id) ?? true)) {
          open.push({ output, snapshot, hubId: bundle.hub_id, isOwn });
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

/**
 * When it is this page's turn to write in a shared document: the pages that have it open write one after the other,
 * and whoever finds it written does nothing. Two that write at the same moment would double the output. Right after
 * a reload their lists of each other may differ, so that each page's own number keeps them apart as well.
 */
function turn(notebook: INotebookModel): number {
  const { clientID, states } = notebook.sharedModel.awareness;
  const before = [...states].filter(([id, state]) => 'user' in state && id < clientID).length;
  return Math.min(before, MOST_TURNS) + (clientID % 8) / 8;
}

interface IOpenOutput {
  output: { setData: (options: object) => void; metadata: object };
  snapshot: Snapshot;
  hubId: string | null;
  /** Whether this page writes it before others do: it is not shared, or was made by a run of this page. */
  isOwn: boolean;
}
