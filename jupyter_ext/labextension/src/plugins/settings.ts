import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Token } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IPolicy } from '../model';

/** What the user has set, or the defaults; the settings' schema says what each of them means. */
export interface IProgressSettings {
  /** Which ends are announced. */
  readonly notify: IPolicy;
  /** After how many seconds a cell becomes an operation by itself; 0: never. */
  readonly cellsAfter_s: number;
  readonly badge: boolean;
  readonly statusBar: boolean;
  readonly tabTitle: boolean;
  readonly favicon: boolean;
  /** Whether JupyterLab is told to silence all notifications. */
  readonly silent: boolean;
  /** Emitted when any of them has changed, and when they were first read. */
  readonly changed: ISignal<IProgressSettings, void>;
}

export const IProgressSettings = new Token<IProgressSettings>(
  'progress-kit:IProgressSettings',
  'When the user is told of ends, and where progress shows.'
);

const PLUGIN_ID = 'progress-kit:settings';
/** JupyterLab's own, with its "Silence all notifications". */
const NOTIFICATIONS_ID = '@jupyterlab/apputils-extension:notification';

type Values = Omit<IProgressSettings, 'changed' | 'silent'>;

const DEFAULTS: Values = {
  notify: { when: 'longer', after_s: 30 },
  cellsAfter_s: 0,
  badge: true,
  statusBar: true,
  tabTitle: true,
  favicon: true
};

/** The settings of the other plugins. Without a settings registry the defaults hold. */
export const settingsPlugin: JupyterFrontEndPlugin<IProgressSettings> = {
  id: PLUGIN_ID,
  description: 'Provides what the user has set.',
  autoStart: true,
  provides: IProgressSettings,
  optional: [ISettingRegistry],
  activate: (_app: JupyterFrontEnd, registry: ISettingRegistry | null): IProgressSettings => {
    const settings = new Settings();
    // Nothing waits for the settings: a bar is drawn before they are read.
    registry?.load(PLUGIN_ID).then(
      stored => settings.follow(stored),
      (error: unknown) =>
        console.warn('progress-kit: the settings could not be read; the defaults hold', error)
    );
    registry?.load(NOTIFICATIONS_ID).then(
      stored => settings.followSilence(stored),
      () => undefined // an application without notifications of its own has nothing to silence
    );
    return settings;
  }
};

/** Takes the values from the registry, which has checked them against the schema. */
export class Settings implements IProgressSettings {
  get notify(): IPolicy {
    return this._values.notify;
  }
  get cellsAfter_s(): number {
    return this._values.cellsAfter_s;
  }
  get badge(): boolean {
    return this._values.badge;
  }
  get statusBar(): boolean {
    return this._values.statusBar;
  }
  get tabTitle(): boolean {
    return this._values.tabTitle;
  }
  get favicon(): boolean {
    return this._values.favicon;
  }
  get silent(): boolean {
    return this._silent;
  }
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Be silent whenever `stored`, JupyterLab's settings of notifications, say so. */
  followSilence(stored: Pick<ISettingRegistry.ISettings, 'composite' | 'changed'>): void {
    const take = (): void => {
      this._silent = stored.composite['doNotDisturbMode'] === true;
      this._changed.emit();
    };
    stored.changed.connect(take);
    take();
  }

  /** Take the values of `stored`, now and whenever they change. */
  follow(stored: Pick<ISettingRegistry.ISettings, 'composite' | 'changed'>): void {
    const take = (): void => {
      const { notify, notifyAfter_s, ...rest } = stored.composite as Partial<IStored>;
      this._values = {
        ...DEFAULTS,
        ...rest,
        notify: {
          when: notify ?? DEFAULTS.notify.when,
          after_s: notifyAfter_s ?? DEFAULTS.notify.after_s
        }
      };
      this._changed.emit();
    };
    stored.changed.connect(take);
    take();
  }

  private _values: Values = DEFAULTS;
  private _silent = false;
  private _changed = new Signal<this, void>(this);
}

/** As they are in the user's file. */
interface IStored extends Omit<Values, 'notify'> {
  notify: IPolicy['when'];
  notifyAfter_s: number;
}
