import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification as Toast } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { type IRunningSessions, IRunningSessionManagers } from '@jupyterlab/running';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';

import { type IWords, percentOf, whereOf } from '../components';
import type { IChange } from '../model';
import { isTerminal, type Snapshot } from '../protocol';
import { IProgressHub } from '../tokens';
import { Jumper } from './jump';

/** Lists the live operations among the running kernels and terminals. */
export const runningPlugin: JupyterFrontEndPlugin<void> = {
  id: 'progress-kit:running',
  description: 'Lists the live operations in the panel of running sessions.',
  autoStart: true,
  requires: [IProgressHub],
  optional: [IRunningSessionManagers, INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    hub: IProgressHub,
    managers: IRunningSessionManagers | null,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    const words = (translator ?? nullTranslator).load('progress-kit');
    managers?.add(new RunningOperations(hub, new Jumper(app, notebooks), words));
  }
};

/** The live operations, as the panel of running sessions wants them. */
export class RunningOperations implements IRunningSessions.IManager {
  constructor(
    private readonly _hub: Pick<IProgressHub, 'model' | 'command'>,
    private readonly _jumper: Pick<Jumper, 'to'>,
    private readonly _words: IWords
  ) {
    this.name = _words.__('Operations');
    this.shutdownLabel = _words.__('Cancel');
    this.shutdownAllLabel = _words.__('Cancel All');
    this.shutdownAllConfirmationText = () =>
      _words._n(
        'Cancel %1 operation? What it has not done yet stays undone.',
        'Cancel %1 operations? What they have not done yet stays undone.',
        this._cancellable().length
      );
    _hub.model.changed.connect(this._onChanged, this);
  }

  readonly name: string;
  readonly shutdownLabel: string;
  readonly shutdownAllLabel: string;
  readonly shutdownAllConfirmationText: () => string;

  /** Emitted when operations began or ended; the percentage is not worth drawing the list anew for each message. */
  get runningChanged(): ISignal<this, void> {
    return this._changed;
  }

  running(): IRunningSessions.IRunningItem[] {
    return this._live().map(snapshot => this._item(snapshot));
  }

  shutdownAll(): void {
    this._cancellable().forEach(snapshot => this._cancel(snapshot));
  }

  refreshRunning(): void {
    this._changed.emit();
  }

  private _item(snapshot: Snapshot): IRunningSessions.IRunningItem {
    const { id, name, actions, origin } = snapshot;
    return {
      className: 'pk-running-item',
      context: id,
      icon: () => LabIcon.resolve({ icon: 'progress-kit:progress' }),
      label: () => name,
      labelTitle: () => `${name}\n${whereOf(snapshot, this._words)}`,
      detail: () => percentOf(this._hub.model.get(id) ?? snapshot),
      open: () => void this._jumper.to(origin),
      ...(actions.includes('cancel') ? { shutdown: () => this._cancel(snapshot) } : {})
    };
  }

  private _cancel({ id, name }: Snapshot): void {
    void this._hub.command(id, 'cancel').then(refused => {
      if (refused !== null) {
        Toast.error(this._words.__('%1 was not cancelled: %2', name, refused));
      }
    });
  }

  private _live(): Snapshot[] {
    return this._hub.model.list().filter(isLive);
  }

  private _cancellable(): Snapshot[] {
    return this._live().filter(({ actions }) => actions.includes('cancel'));
  }

  private _onChanged(_: unknown, { ids }: IChange): void {
    for (const id of ids) {
      const snapshot = this._hub.model.get(id);
      const item = snapshot !== undefined && isLive(snapshot) ? snapshot.name : undefined;
      if (item !== this._listed.get(id)) {
        this._isNew = true;
      }
      if (item === undefined) {
        this._listed.delete(id);
      } else {
        this._listed.set(id, item);
      }
    }
    if (ids.size === 0 || this._throttled) {
      return;
    }
    this._throttled = true;
    window.setTimeout(() => {
      this._throttled = false;
      // A list of a thousand is not drawn for percentages that nobody sees.
      if (this._isNew || isShown()) {
        this._isNew = false;
        this._changed.emit();
      }
    }, EVERY_MS);
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _listed = new Map<string, string>();
  private _isNew = false;
  private _throttled = false;
}

function isLive({ state, hub }: Snapshot): boolean {
  return !isTerminal(state) && hub?.lease !== 'lost';
}

/** Whether JupyterLab's list of what runs is on the screen. */
function isShown(): boolean {
  return (
    document.querySelector<HTMLElement>('.jp-RunningSessions')?.offsetParent instanceof Element
  );
}

/** How often the list is drawn anew at most, in milliseconds. */
const EVERY_MS = 1_000;
