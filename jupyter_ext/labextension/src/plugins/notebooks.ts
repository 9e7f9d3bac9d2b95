import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import type { IChange, OperationsModel } from '../model';
import { IProgressHub } from '../tokens';
import { Executions } from './executions';
import { EndKeeper } from './keep-end';
import { Reattacher } from './reattach';

/** Keeps the outputs of open notebooks in step with the hub. */
export const notebooksPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:notebooks',
  description:
    'Puts live operations back into their cells after a reload, and their ends into the notebook.',
  autoStart: true,
  requires: [IProgressHub, INotebookTracker],
  activate: (_app: JupyterFrontEnd, hub: IProgressHub, notebooks: INotebookTracker): void => {
    const executions = new Executions(hub.model);
    const follow = (panel: NotebookPanel): void => {
      void new NotebookFollower(panel, hub.model, executions).start();
    };
    notebooks.forEach(follow);
    notebooks.widgetAdded.connect((_, panel) => follow(panel), hub);
  }
};

/** Follows the hub for one notebook panel, until that is closed. */
class NotebookFollower {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _operations: OperationsModel,
    executions: Executions
  ) {
    this._reattacher = new Reattacher(_panel, _operations, executions);
    this._keeper = new EndKeeper(_panel, _operations, executions);
  }

  async start(): Promise<void> {
    const { context, sessionContext } = this._panel;
    await Promise.all([context.ready, sessionContext.ready]);
    if (this._panel.isDisposed) {
      return;
    }
    this._operations.changed.connect(this._onChanged, this);
    sessionContext.kernelChanged.connect(this._onKernelChanged, this);
    this._panel.disposed.connect(this._stop, this);
    this._look();
  }

  private _onChanged(_: OperationsModel, change: IChange): void {
    if (change.ids.size > 0 && this._operations.synced) {
      this._look(change.ids);
    }
  }

  private _onKernelChanged(): void {
    this._look();
  }

  private _look(ids?: ReadonlySet<string>): void {
    this._reattacher.look(ids);
    this._keeper.look(ids);
  }

  private _stop(): void {
    this._operations.changed.disconnect(this._onChanged, this);
    this._panel.sessionContext.kernelChanged.disconnect(this._onKernelChanged, this);
  }

  private readonly _reattacher: Reattacher;
  private readonly _keeper: EndKeeper;
}
