import { type ISignal, Signal } from '@lumino/signaling';

import type { Inbox, InboxItem, PolledInbox, Read } from '../protocol';

/** What ended, read and unread. The hub keeps it for all pages of the user and tells it whole on every change. */
export class InboxModel {
  /** Emitted after each change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How many ends have not been read, also those beyond `items`. */
  get unread(): number {
    return this._unread;
  }

  /** The newest ends, the newest first; frozen. */
  get items(): readonly InboxItem[] {
    return this._items;
  }

  /** Take in what the hub says. */
  take({ unread, items }: Inbox | PolledInbox): void {
    this._set(unread, items);
  }

  /** Show these items, or all, as read at once; the hub's next word of the inbox confirms or corrects it. */
  read(ids: Read['ids']): void {
    const named = (item: InboxItem): boolean => ids === 'all' || ids.includes(item.id);
    const newly = this._items.filter(item => !item.read && named(item)).length;
    if (newly > 0 || (ids === 'all' && this._unread > 0)) {
      this._set(
        ids === 'all' ? 0 : Math.max(0, this._unread - newly),
        this._items.map(item => (named(item) ? { ...item, read: true } : item))
      );
    }
  }

  private _set(unread: number, items: readonly InboxItem[]): void {
    this._unread = unread;
    this._items = Object.freeze(items.map(item => Object.freeze(item)));
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _unread = 0;
  private _items: readonly InboxItem[] = Object.freeze([]);
}
