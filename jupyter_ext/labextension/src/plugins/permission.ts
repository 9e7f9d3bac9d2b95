import { type ISignal, Signal } from '@lumino/signaling';

import type { Permission } from '../components';

/** Whether the browser may show notifications, and the asking for it. */
class BrowserPermission {
  constructor() {
    // Safari has no such query for notifications; there only the answer to `ask` is heard.
    const { permissions } = navigator as Partial<Navigator>;
    permissions
      ?.query({ name: 'notifications' })
      .then(status => status.addEventListener('change', () => this._changed.emit()))
      .catch(() => undefined);
  }

  /** Emitted when the user has decided, here or in the browser's settings. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get state(): Permission {
    return 'Notification' in window ? Notification.permission : 'unsupported';
  }

  /** Ask the user. Browsers want a click or a key for that, and ask once only. */
  async ask(): Promise<Permission> {
    if (this.state === 'default') {
      await Notification.requestPermission();
      this._changed.emit();
    }
    return this.state;
  }

  private _changed = new Signal<this, void>(this);
}

/** The permission of this page. */
export const browserPermission = new BrowserPermission();
