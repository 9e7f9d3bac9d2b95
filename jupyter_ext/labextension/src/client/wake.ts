import type { IDisposable } from '@lumino/disposable';

/** How often it is looked whether time has passed unnoticed, and how much of it makes a sleep. */
const LOOK_MS = 2_000;
const SLEPT_MS = 10_000;

/**
 * Tells when it is worth trying at once: the page is in front again, the network is back, or the machine has slept.
 *
 * A sleep shows as a gap between two ticks of a timer. In a page that is not in front the browser itself makes such
 * gaps, so it is told of a sleep only when it is in front.
 */
export class Wake implements IDisposable {
  /** @param woken - called with whether the machine slept. */
  constructor(private readonly woken: (slept: boolean) => void) {
    window.addEventListener('online', this._notice);
    document.addEventListener('visibilitychange', this._notice);
    this._timer = window.setInterval(() => this._look(), LOOK_MS);
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    window.removeEventListener('online', this._notice);
    document.removeEventListener('visibilitychange', this._notice);
    window.clearInterval(this._timer);
  }

  private _look(): void {
    const slept = Date.now() - this._at >= SLEPT_MS;
    this._at = Date.now();
    if (slept) {
      this._tell(true);
    }
  }

  private _notice = (): void => this._tell(false);

  private _tell(slept: boolean): void {
    if (document.visibilityState !== 'hidden') {
      this.woken(slept);
    }
  }

  private readonly _timer: number;
  private _at = Date.now();
  private _disposed = false;
}
