import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';

import { Overheard } from '../model';
import { readTold } from '../protocol';
import { IProgressHub } from '../tokens';

const MESSAGE_TYPE = 'progress_kit';
const LOOK_MS = 1_000;

/**
 * Shows what kernels say that cannot reach the hub (they run elsewhere, or behind a gateway). What they say stays on
 * this page: it never reaches the hub or its history, and what the hub knows itself counts more.
 */
export const iopubPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:iopub',
  description: 'Shows the operations of kernels that cannot reach the hub.',
  autoStart: true,
  requires: [IProgressHub, INotebookTracker],
  activate: (_app: JupyterFrontEnd, hub: IProgressHub, notebooks: INotebookTracker): void => {
    const listener = new KernelListener(hub);
    const listen = ({ sessionContext }: NotebookPanel): void => listener.listen(sessionContext);
    notebooks.forEach(listen);
    notebooks.widgetAdded.connect((_, panel) => listen(panel), listener);
  }
};

/** Hears what the kernels of open notebooks say past the hub. */
class KernelListener {
  constructor(private readonly _hub: IProgressHub) {}

  /** Listen until the session context is disposed of, which disconnects all. */
  listen(context: ISessionContext): void {
    context.iopubMessage.connect(this._onMessage, this);
    context.statusChanged.connect(this._onStatus, this);
  }

  private _onMessage(_: ISessionContext, message: KernelMessage.IMessage): void {
    // A type of our own, which Jupyter's type of a message does not know.
    if ((message.header.msg_type as string) !== MESSAGE_TYPE) {
      return;
    }
    const { model } = this._hub;
    const told = readTold(message.content);
    this._show(this._overheard.hear(told, seconds(), model.clock.now()));
    if (this._timer === null && this._overheard.open) {
      this._timer = window.setInterval(() => this._look(), LOOK_MS);
    }
  }

  private _onStatus(context: ISessionContext, status: Kernel.Status): void {
    const kernelId = context.session?.kernel?.id;
    if (
      kernelId !== undefined &&
      (status === 'dead' || status === 'restarting' || status === 'autorestarting')
    ) {
      this._show(this._overheard.died(kernelId));
    }
  }

  private _look(): void {
    this._show(this._overheard.tick(seconds()));
    if (!this._overheard.open && this._timer !== null) {
      window.clearInterval(this._timer);
      this._timer = null;
    }
  }

  private _show(snapshots: ReturnType<Overheard['tick']>): void {
    if (snapshots.length > 0) {
      this._hub.model.overhear(snapshots);
    }
  }

  private readonly _overheard = new Overheard();
  private _timer: number | null = null;
}

function seconds(): number {
  return performance.now() / 1000;
}
