import type { ISignal } from '@lumino/signaling';

import type { Permission } from '../components';
import type { Presence } from '../protocol';
import type { IProgressHub } from '../tokens';

/** Tells the hub how well this page can reach its user, whenever that changes. */
export class PresenceReporter {
  constructor(
    private readonly _hub: Pick<IProgressHub, 'send'>,
    private readonly _attention: { presence(canNotify: boolean): Presence },
    private readonly _permission: { state: Permission; changed: ISignal<unknown, void> }
  ) {
    const report = (): void => this.report();
    document.addEventListener('visibilitychange', report);
    window.addEventListener('focus', report);
    window.addEventListener('blur', report);
    _permission.changed.connect(report);
    this.report();
  }

  /** Look again, and tell what is new. */
  report(): void {
    const presence = this._attention.presence(this._permission.state === 'granted');
    const told = JSON.stringify(presence);
    if (told !== this._told) {
      this._told = told;
      this._hub.send(presence);
    }
  }

  private _told = '';
}
