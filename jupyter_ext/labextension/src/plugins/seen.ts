import type { InboxModel } from '../model';
import type { InboxItem, Read } from '../protocol';

/** While there is something unread, look whether it has come into sight this often: nobody tells of scrolling. */
const LOOK_EVERY_MS = 2_000;

interface IHub {
  readonly inbox: Pick<InboxModel, 'items' | 'unread' | 'changed'>;
  send(message: Read): void;
}

interface IAttention {
  readonly focused: boolean;
  isOn(ended: { id: string; origin: InboxItem['origin'] }): boolean;
}

/** Marks as read what the user sees ended in its cell or in the panel: nobody wants to be told of that by a number. */
export class SeenEnds {
  constructor(
    private readonly _hub: IHub,
    private readonly _attention: IAttention
  ) {
    _hub.inbox.changed.connect(this.look, this);
    window.addEventListener('focus', () => this.look());
    this.look();
  }

  /** Look at what is unread, now and while there is any. */
  look(): void {
    window.clearTimeout(this._timer);
    const { inbox } = this._hub;
    if (inbox.unread === 0 || !this._attention.focused) {
      return;
    }
    this._timer = window.setTimeout(() => this.look(), LOOK_EVERY_MS);
    const seen = inbox.items.filter(
      ({ read, operation, origin }) => !read && this._attention.isOn({ id: operation, origin })
    );
    if (seen.length > 0) {
      this._hub.send({ type: 'read', ids: seen.map(({ id }) => id) });
    }
  }

  private _timer: number | undefined;
}
