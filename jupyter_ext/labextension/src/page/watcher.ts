import { HubConnection } from '../client/connection';
import type { HubServer } from '../client/hub-server';
import { Priors } from '../client/priors';
import { type IChange, OperationMemory, OperationsModel, Requests } from '../model';
import { VERSION } from '../version';

/** What a page of ours knows of operations: the connection, and what is remembered beside it. */
export class Watcher {
  /** @param page - the name of the page, for the hub. */
  constructor(server: HubServer, page: string) {
    this._priors = new Priors(path => server.request(path));
    this.model.changed.connect(this._observe, this);
    this.connection = new HubConnection({
      model: this.model,
      client: `progress-kit-${page}/${VERSION}`,
      server
    });
  }

  readonly model = new OperationsModel();
  readonly memory = new OperationMemory();
  readonly requests = new Requests();
  readonly connection: HubConnection;

  readonly prior: Priors['get'] = kind => this._priors.get(kind);

  private _observe(model: OperationsModel, { ids }: IChange): void {
    const now = model.clock.now();
    for (const id of ids) {
      const snapshot = model.get(id);
      if (snapshot === undefined) {
        this.memory.forget(id);
        this.requests.forget(id);
      } else {
        this.memory.observe(snapshot, now);
        this._priors.heard(snapshot);
      }
    }
  }

  private readonly _priors: Priors;
}
