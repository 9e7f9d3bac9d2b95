import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { type ISignal, Signal } from '@lumino/signaling';

import { HubConnection, Priors, ServerHub } from '../client';
import { type IChange, InboxModel, OperationsModel } from '../model';
import type {
  Action,
  Execution,
  Notified,
  NotifyRequest,
  Presence,
  Prior,
  Read,
  WatchCells
} from '../protocol';
import { IProgressHub } from '../tokens';
import { VERSION } from '../version';

/** One connection to the hub for the whole page. */
export const hubPlugin: JupyterFrontEndPlugin<IProgressHub> = {
  id: 'progress-kit:hub',
  description: "Provides this server's operations, live, over one connection per page.",
  autoStart: true,
  provides: IProgressHub,
  activate: (app: JupyterFrontEnd): IProgressHub =>
    new ProgressHub(new ServerHub(app.serviceManager.serverSettings))
};

/** The page's connection with what is kept beside it: inbox and priors. */
export class ProgressHub implements IProgressHub {
  constructor(private readonly _server: ServerHub) {
    this._priors = new Priors(path => _server.request(path));
    this.model.changed.connect(this._onChanged, this);
    this._connection = new HubConnection({
      model: this.model,
      client: `progress-kit-labextension/${VERSION}`,
      server: _server,
      onNotify: request => this._notify.emit(request),
      onInbox: inbox => this.inbox.take(inbox)
    });
  }

  readonly model = new OperationsModel();

  readonly inbox = new InboxModel();

  get notify(): ISignal<this, NotifyRequest> {
    return this._notify;
  }

  command(operation: string, action: Action): Promise<string | null> {
    return this._connection.command(operation, action);
  }

  send(message: Presence | WatchCells | Notified | Read | Execution): void {
    if (this._connection.say(message) && message.type === 'read') {
      this.inbox.read(message.ids);
    }
  }

  prior(kind: string): Promise<Prior | null> {
    return this._priors.get(kind);
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return this._server.request(path, init);
  }

  private _onChanged(model: OperationsModel, change: IChange): void {
    for (const id of change.ids) {
      const snapshot = model.get(id);
      if (snapshot !== undefined) {
        this._priors.heard(snapshot);
      }
    }
    // Each time that the line comes up it may lead to another hub.
    const isUp = model.line.state === 'live' || model.line.state === 'polling';
    if (change.line && isUp && !this._wasUp) {
      this._server.id().then(
        id => id !== null && model.setHubId(id),
        (error: unknown) => console.warn('progress-kit: the hub did not tell its id', error)
      );
    }
    this._wasUp = isUp;
  }

  private readonly _connection: HubConnection;
  private readonly _priors: Priors;
  private readonly _notify = new Signal<this, NotifyRequest>(this);
  private _wasUp = false;
}
