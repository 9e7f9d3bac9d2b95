import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { KernelAPI, type ServerConnection } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';

import type { IActions } from '../components';
import { type IChange, OperationMemory, type OperationsModel, Requests } from '../model';
import { IProgressHub } from '../tokens';

/** What all places of a page that show operations have in common beside the hub. */
export interface IHandling {
  /** How the operations came to be as they are, as far as this page saw it. */
  readonly memory: OperationMemory;
  /** What was asked of them from this page. */
  readonly requests: Requests;
  /** What can be done about an operation wherever it is shown. */
  readonly actions: IActions;
}

export const IHandling = new Token<IHandling>(
  'progress-kit:IHandling',
  'What this page remembers of operations, and what it can ask of them.'
);

/** One memory for the panel and the cells, so that they say the same. */
export const handlingPlugin: JupyterFrontEndPlugin<IHandling> = {
  id: 'progress-kit:handling',
  description: 'Remembers the course of the operations, and asks them to stop, pause or go on.',
  autoStart: true,
  requires: [IProgressHub],
  provides: IHandling,
  activate: (app: JupyterFrontEnd, hub: IProgressHub): IHandling =>
    new Handling(hub, app.serviceManager.serverSettings)
};

export class Handling implements IHandling {
  constructor(hub: Pick<IProgressHub, 'model' | 'command'>, server: ServerConnection.ISettings) {
    const { model } = hub;
    this.actions = {
      ask: ({ id }, action) => void this.requests.ask(id, action, hub.command(id, action)),
      interrupt: ({ id, origin }) => {
        if (origin.kernel_id !== null) {
          const answer = KernelAPI.interruptKernel(origin.kernel_id, server).then(() => null);
          void this.requests.ask(id, 'interrupt', answer);
        }
      }
    };
    this._observe(model, { ids: new Set(model.list().map(({ id }) => id)), line: false });
    model.changed.connect(this._observe, this);
  }

  readonly memory = new OperationMemory();
  readonly requests = new Requests();
  readonly actions: IActions;

  private _observe(model: OperationsModel, { ids }: IChange): void {
    const now = model.clock.now();
    for (const id of ids) {
      const snapshot = model.get(id);
      if (snapshot === undefined) {
        this.memory.forget(id);
        this.requests.forget(id);
      } else {
        this.memory.observe(snapshot, now);
      }
    }
  }
}
