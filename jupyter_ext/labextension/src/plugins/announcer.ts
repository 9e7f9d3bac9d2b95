import { Notification as Toast } from '@jupyterlab/apputils';
import type { ISignal } from '@lumino/signaling';

import { announcementOf, type IAnnouncement, type IWords, type Permission } from '../components';
import { type InboxModel, type IPolicy, isAnnounced } from '../model';
import type { Notified, NotifyRequest, Origin, Read, Snapshot } from '../protocol';
import type { IProgressHub } from '../tokens';

/** How long a toast of a success stays, in milliseconds. That of a failure stays until it is closed. */
const TOAST_MS = 10_000;
/** A toast with more characters is cut by JupyterLab. */
const TOAST_LENGTH = 140;

export interface IAnnouncerOptions {
  readonly hub: {
    readonly inbox: Pick<InboxModel, 'items' | 'changed'>;
    readonly notify: ISignal<IProgressHub, NotifyRequest>;
    send(message: Notified | Read): void;
  };
  readonly settings: { readonly notify: IPolicy; readonly silent: boolean };
  readonly attention: { readonly focused: boolean; isOn(snapshot: Snapshot): boolean };
  readonly permission: { readonly state: Permission };
  readonly words: IWords;
  /** Go to where an operation ran. */
  readonly jump: (origin: Origin) => Promise<void>;
  /** Show the list of recent ends. */
  readonly list: () => Promise<void>;
}

/** Something that tells of ends and is still there to be closed. */
interface IShown {
  readonly operations: ReadonlySet<string>;
  close(): void;
}

/**
 * Tells the user of the ends that the hub hands to this page, once: by a toast where the page has the focus, by the
 * browser elsewhere. What the user did not want to hear of, or was looking at, is only answered. Where JupyterLab is
 * told to be silent it keeps the toasts in its list without showing them, and the browser shows nothing either.
 */
export class Announcer {
  constructor(private readonly _options: IAnnouncerOptions) {
    _options.hub.notify.connect((_, request) => this._announce(request), this);
    _options.hub.inbox.changed.connect(this._onInbox, this);
  }

  private _announce({ id, operations }: NotifyRequest): void {
    // The hub asks again where the line broke before it heard the answer.
    const shown = this._answered.get(id) ?? this._tell(id, operations);
    this._answered.set(id, shown);
    this._options.hub.send({ type: 'notified', id, shown });
  }

  private _tell(id: string, operations: readonly Snapshot[]): Notified['shown'] {
    const { settings, attention } = this._options;
    const wanted = operations.filter(
      snapshot => isAnnounced(snapshot, settings.notify) && !attention.isOn(snapshot)
    );
    return wanted.length === 0 ? 'suppressed' : this._show(id, wanted);
  }

  private _show(id: string, ended: readonly Snapshot[]): 'browser' | 'toast' {
    const { attention, permission, settings, words } = this._options;
    const said = announcementOf(ended, words);
    const elsewhere = !attention.focused && permission.state === 'granted' && !settings.silent;
    if (elsewhere && this._inBrowser(id, said, ended)) {
      return 'browser';
    }
    this._toast(said, ended);
    return 'toast';
  }

  /** Whether the browser took it: some want a service worker, which JupyterLab has none of. */
  private _inBrowser(id: string, said: IAnnouncement, ended: readonly Snapshot[]): boolean {
    let notification: Notification;
    try {
      // Of two with one tag the browser shows one, should two pages be asked to tell of the same end.
      notification = new Notification(said.title, { body: said.body, tag: `progress-kit-${id}` });
    } catch {
      return false;
    }
    notification.onclick = () => {
      window.focus();
      notification.close();
      this._open(ended);
    };
    const shown = this._remember(ended, () => notification.close());
    notification.onclose = () => this._shown.delete(shown);
    return true;
  }

  private _toast(said: IAnnouncement, ended: readonly Snapshot[]): void {
    const { words } = this._options;
    const text = said.body === '' ? said.title : `${said.title}\n${said.body}`;
    const id = Toast.emit(text.slice(0, TOAST_LENGTH), said.failed ? 'error' : 'success', {
      autoClose: said.failed ? false : TOAST_MS,
      actions: [{ label: words.__('Open'), callback: () => this._open(ended) }]
    });
    this._remember(ended, () => Toast.dismiss(id));
  }

  /** Go to the one that ended, or to the list of those that did. */
  private _open(ended: readonly Snapshot[]): void {
    const [only] = ended;
    const { jump, list } = this._options;
    const there = ended.length === 1 && only !== undefined ? jump(only.origin) : list();
    there.catch((error: unknown) =>
      console.warn('progress-kit: where the operation ran could not be opened', error)
    );
    if (ended.length === 1) {
      this._read(ended);
    }
  }

  private _read(ended: readonly Snapshot[]): void {
    const { hub } = this._options;
    const unread = hub.inbox.items.filter(
      ({ operation, read }) => !read && ended.some(({ id }) => id === operation)
    );
    if (unread.length > 0) {
      hub.send({ type: 'read', ids: unread.map(({ id }) => id) });
    }
  }

  /** What was seen elsewhere, or in another tab, needs no toast any more. */
  private _onInbox(): void {
    const { items } = this._options.hub.inbox;
    const read = new Set(items.filter(item => item.read).map(({ operation }) => operation));
    for (const shown of this._shown) {
      if ([...shown.operations].every(id => read.has(id))) {
        this._shown.delete(shown);
        shown.close();
      }
    }
  }

  private _remember(ended: readonly Snapshot[], close: () => void): IShown {
    const shown = { operations: new Set(ended.map(({ id }) => id)), close };
    this._shown.add(shown);
    return shown;
  }

  private readonly _answered = new Map<string, Notified['shown']>();
  private readonly _shown = new Set<IShown>();
}
