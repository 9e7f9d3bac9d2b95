import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { HubConnection, ServerHub } from '../client';
import { type IChange, OperationsModel } from '../model';
import { IProgressHub } from '../tokens';
import { VERSION } from '../version';

/** One connection to the hub for the whole page. */
export const hubPlugin: JupyterFrontEndPlugin<IProgressHub> = {
  id: 'progress-kit:hub',
  description: "Provides this server's operations, live, over one connection per page.",
  autoStart: true,
  provides: IProgressHub,
  activate: (app: JupyterFrontEnd): IProgressHub => new ProgressHub(app)
};

class ProgressHub implements IProgressHub {
  constructor(app: JupyterFrontEnd) {
    this._server = new ServerHub(app.serviceManager.serverSettings);
    this.model.changed.connect(this._onChanged, this);
    this._connection = new HubConnection({
      model: this.model,
      client: `progress-kit-labextension/${VERSION}`,
      mint: () => this._server.mint(),
      open: protocols => this._server.open(protocols)
    });
  }

  readonly model = new OperationsModel();

  command(operation: string, action: 'cancel' | 'pause' | 'resume'): Promise<string | null> {
    return this._connection.command(operation, action);
  }

  /** Each time that the line comes up it may lead to another hub. */
  private _onChanged(model: OperationsModel, change: IChange): void {
    const live = model.line.state === 'live';
    if (change.line && live && !this._wasLive) {
      this._server.id().then(
        id => id !== null && model.setHubId(id),
        (error: unknown) => console.warn('progress-kit: the hub did not tell its id', error)
      );
    }
    this._wasLive = live;
  }

  private readonly _server: ServerHub;
  private readonly _connection: HubConnection;
  private _wasLive = false;
}
