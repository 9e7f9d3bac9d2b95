import * as React from 'react';

import type { IAnnouncement, IWords } from '../components';
import { Button } from '../components/button';
import { CloseIcon, Icon } from '../components/icons';
import { canvas } from './draw';
import type { ITeller } from './notices';
import { mayNotify } from './permission';

/** How long a toast of a success stays before the eyes of the user, in milliseconds; one of a failure stays. */
export const STAYS_MS = 10_000;

interface IToast extends IAnnouncement {
  readonly key: number;
  readonly there: () => void;
}

/** Tells of ends by toasts in the page's corner, and by the browser. */
export class PageTeller implements ITeller {
  constructor(private readonly _words: IWords) {}

  toast(said: IAnnouncement, there: () => void): void {
    const toast = { ...said, there, key: ++this._count };
    this._draw([...this._toasts, toast]);
    if (!said.failed) {
      onceFocused(() => window.setTimeout(() => this._close(toast), STAYS_MS));
    }
  }

  browser({ title, body }: IAnnouncement, tag: string, there: () => void): boolean {
    if (mayNotify() !== 'granted') {
      return false;
    }
    try {
      const notification = new Notification(title, { body, tag });
      notification.onclick = () => {
        window.focus();
        notification.close();
        there();
      };
    } catch {
      return false; // some browsers want a service worker for it
    }
    return true;
  }

  private _close(toast: IToast): void {
    this._draw(this._toasts.filter(each => each !== toast));
  }

  private _draw(toasts: readonly IToast[]): void {
    const words = this._words;
    this._toasts = toasts;
    this._canvas ??= canvas(document.body);
    if (toasts.length === 0) {
      this._canvas(null);
      this._canvas = null;
      return;
    }
    this._canvas(
      <div className="pk-toasts">
        {toasts.map(toast => (
          <div
            key={toast.key}
            className={`pk-toast ${toast.failed ? 'pk-toast-failed' : ''}`}
            role={toast.failed ? 'alert' : 'status'}
          >
            <Icon shape={toast.failed ? 'failed' : 'succeeded'} />
            <Button plain className="pk-said" onClick={toast.there}>
              <b>{toast.title}</b>
              <span>{toast.body}</span>
            </Button>
            <Button plain aria-label={words.__('Close')} onClick={() => this._close(toast)}>
              <CloseIcon />
            </Button>
          </div>
        ))}
      </div>
    );
  }

  private _canvas: ReturnType<typeof canvas> | null = null;
  private _toasts: readonly IToast[] = [];
  private _count = 0;
}

/** Call `then` when the page has the focus: what nobody saw yet does not go away. */
function onceFocused(then: () => void): void {
  if (document.hasFocus()) {
    then();
  } else {
    window.addEventListener('focus', then, { once: true });
  }
}
