import { Notification as Toast } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Permission } from '../src/components';
import { english } from '../src/components/words';
import { InboxModel, type IPolicy } from '../src/model';
import { Announcer, type IAnnouncerOptions } from '../src/plugins/announcer';
import type { InboxItem, Notified, NotifyRequest, Read, Snapshot } from '../src/protocol';
import type { IProgressHub } from '../src/tokens';
import { NOW, snapshot } from './snapshots';

/** The browser's notifications, as far as the page uses them. */
class BrowserNotification {
  static all: BrowserNotification[] = [];
  static refuses = false;
  onclick: (() => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  constructor(
    readonly title: string,
    readonly options: NotificationOptions
  ) {
    if (BrowserNotification.refuses) {
      throw new TypeError('Illegal constructor. Use ServiceWorkerRegistration.showNotification()');
    }
    BrowserNotification.all.push(this);
  }
  close() {
    this.closed = true;
    this.onclose?.();
  }
}

let sent: (Notified | Read)[];
let inbox: InboxModel;
let notify: Signal<IProgressHub, NotifyRequest>;
let policy: IPolicy;
let silent: boolean;
let focused: boolean;
let permission: Permission;
let watched: Set<string>;
let jump: ReturnType<typeof vi.fn<IAnnouncerOptions['jump']>>;
let list: ReturnType<typeof vi.fn<IAnnouncerOptions['list']>>;

beforeEach(() => {
  vi.stubGlobal('Notification', BrowserNotification);
  BrowserNotification.all = [];
  BrowserNotification.refuses = false;
  sent = [];
  inbox = new InboxModel();
  notify = new Signal<IProgressHub, NotifyRequest>({} as IProgressHub);
  policy = { when: 'always', after_s: 30 };
  silent = false;
  focused = true;
  permission = 'default';
  watched = new Set();
  jump = vi.fn<IAnnouncerOptions['jump']>(() => Promise.resolve());
  list = vi.fn<IAnnouncerOptions['list']>(() => Promise.resolve());
  new Announcer({
    hub: { inbox, notify, send: message => sent.push(message) },
    settings: {
      get notify() {
        return policy;
      },
      get silent() {
        return silent;
      }
    },
    attention: {
      get focused() {
        return focused;
      },
      isOn: ({ id }) => watched.has(id)
    },
    permission: {
      get state() {
        return permission;
      }
    },
    words: english,
    jump,
    list
  });
});

afterEach(() => {
  Toast.dismiss();
  vi.unstubAllGlobals();
});

function ended(fields: Partial<Snapshot> = {}): Snapshot {
  return snapshot({ state: 'succeeded', elapsed_s: 103, name: 'Survey', ...fields });
}

function ask(id: string, ...operations: Snapshot[]): void {
  notify.emit({ type: 'notify', id, operations });
}

function item(of: Snapshot, read = false): InboxItem {
  const { id, state, name, elapsed_s, error, origin } = of;
  return { id, operation: id, state, at: NOW, read, name, elapsed_s, error, origin };
}

function toasts(): string[] {
  return Toast.manager.notifications.map(({ type, message }) => `${type}: ${message}`);
}

const FAILED = ended({
  id: 'op_2',
  name: '<b>Fit</b>',
  state: 'failed',
  error: { type: 'ValueError', message: 'NaN' }
});

describe('where the page has the focus', () => {
  it('tells by a toast, and the hub that it did', () => {
    ask('n1', ended());
    expect(toasts()).toEqual(['success: Survey finished in 1 min 43 s\ndemo.ipynb']);
    expect(sent).toEqual([{ type: 'notified', id: 'n1', shown: 'toast' }]);
  });

  it('marks a failure, which stays until it is closed', () => {
    ask('n1', FAILED);
    expect(toasts()).toEqual(['error: <b>Fit</b> failed\nValueError: NaN · demo.ipynb']);
    expect(Toast.manager.notifications[0]!.options.autoClose).toBe(false);
  });

  it('makes one toast of several ends, which leads to the list', () => {
    ask('n1', ended(), FAILED);
    expect(toasts()).toEqual(['error: 2 operations ended, 1 failed\n<b>Fit</b>, Survey']);
    Toast.manager.notifications[0]!.options.actions![0]!.callback(new MouseEvent('click'));
    expect(list).toHaveBeenCalledOnce();
    expect(jump).not.toHaveBeenCalled();
  });

  it('leads to the cell, and marks the end as read', () => {
    ask('n1', ended());
    inbox.take({ type: 'inbox', unread: 1, items: [item(ended())] });
    Toast.manager.notifications[0]!.options.actions![0]!.callback(new MouseEvent('click'));
    expect(jump).toHaveBeenCalledWith(ended().origin);
    expect(sent).toContainEqual({ type: 'read', ids: ['op_1'] });
  });

  it('does not take more than JupyterLab shows', () => {
    ask('n1', ended({ name: 'x'.repeat(200) }));
    expect(Toast.manager.notifications[0]!.message.length).toBeLessThanOrEqual(140);
  });
});

describe('elsewhere', () => {
  beforeEach(() => {
    focused = false;
    permission = 'granted';
  });

  it('tells by the browser, once for each request', () => {
    ask('n1', ended());
    const [notification] = BrowserNotification.all;
    expect(notification!.title).toBe('Survey finished in 1 min 43 s');
    expect(notification!.options).toEqual({ body: 'demo.ipynb', tag: 'progress-kit-n1' });
    expect(sent).toEqual([{ type: 'notified', id: 'n1', shown: 'browser' }]);
    expect(toasts()).toEqual([]);
  });

  it("leaves it to JupyterLab's list where that is told to be silent", () => {
    silent = true;
    ask('n1', ended());
    expect(BrowserNotification.all).toEqual([]);
    expect(sent).toEqual([{ type: 'notified', id: 'n1', shown: 'toast' }]);
    expect(toasts()).toHaveLength(1);
  });

  it('leads to the cell by a click', () => {
    const focus = vi.spyOn(window, 'focus').mockImplementation(() => undefined);
    ask('n1', ended());
    BrowserNotification.all[0]!.onclick!();
    expect(focus).toHaveBeenCalledOnce();
    expect(jump).toHaveBeenCalledWith(ended().origin);
    expect(BrowserNotification.all[0]!.closed).toBe(true);
  });

  it.each<[string, Permission, boolean]>([
    ['was not asked', 'default', false],
    ['is not allowed', 'denied', false],
    ['has none', 'unsupported', false],
    ['wants a service worker', 'granted', true]
  ])('leaves a toast where the browser %s', (_, state, refuses) => {
    permission = state;
    BrowserNotification.refuses = refuses;
    ask('n1', ended());
    expect(sent).toEqual([{ type: 'notified', id: 'n1', shown: 'toast' }]);
    expect(toasts()).toHaveLength(1);
  });
});

describe('what needs no telling', () => {
  it('is what the settings say', () => {
    policy = { when: 'failure', after_s: 30 };
    ask('n1', ended());
    ask('n2', ended({ id: 'op_3' }), FAILED);
    expect(sent.map(each => each.type === 'notified' && each.shown)).toEqual([
      'suppressed',
      'toast'
    ]);
    expect(toasts()).toEqual(['error: <b>Fit</b> failed\nValueError: NaN · demo.ipynb']);
  });

  it('is what the user looks at', () => {
    watched.add('op_1');
    ask('n1', ended());
    expect(sent).toEqual([{ type: 'notified', id: 'n1', shown: 'suppressed' }]);
    expect(toasts()).toEqual([]);
  });

  it('is what was told already: a hub that did not hear the answer asks again', () => {
    ask('n1', ended());
    ask('n1', ended());
    expect(toasts()).toHaveLength(1);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
  });

  it('goes away when it was read in another tab', () => {
    ask('n1', ended(), FAILED);
    inbox.take({ type: 'inbox', unread: 1, items: [item(ended(), true), item(FAILED)] });
    expect(toasts()).toHaveLength(1);
    inbox.take({ type: 'inbox', unread: 0, items: [item(ended(), true), item(FAILED, true)] });
    expect(toasts()).toEqual([]);
  });
});
