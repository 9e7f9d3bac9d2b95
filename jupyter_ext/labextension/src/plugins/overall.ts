import { type ISignal, Signal } from '@lumino/signaling';

import { type IOverall, NOTHING, offlineSince, overallOf } from '../model';
import type { IProgressHub } from '../tokens';

/** A number in the corner of the eye need not change more often than this. In milliseconds. */
const AT_MOST_EVERY_MS = 500;
/** While something runs, the time left goes down between two messages too. In milliseconds. */
const AT_LEAST_EVERY_MS = 1_000;

/** What runs, all in all, for those who only show that: told at most twice a second, and only when it changed. */
export class OverallWatch {
  constructor(private readonly _hub: Pick<IProgressHub, 'model'>) {
    _hub.model.changed.connect(this._onChanged, this);
    this._take();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get value(): IOverall {
    return this._value;
  }

  /** Whether the server cannot be reached, so that the numbers are old. */
  get offline(): boolean {
    return this._offline;
  }

  private _onChanged(): void {
    const wait = this._takenAt + AT_MOST_EVERY_MS - performance.now();
    if (wait > 0) {
      this._takeIn(wait);
    } else {
      this._take();
    }
  }

  private _takeIn(ms: number): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this._take(), ms);
  }

  private _take(): void {
    window.clearTimeout(this._timer);
    this._takenAt = performance.now();
    const { model } = this._hub;
    const value = overallOf(model.all(), model.clock.now());
    const offline = offlineSince(model.line) !== null;
    const same =
      offline === this._offline &&
      value.running === this._value.running &&
      value.fraction === this._value.fraction &&
      value.left_s === this._value.left_s;
    this._value = value;
    this._offline = offline;
    if (value.running > 0 && !offline) {
      this._takeIn(AT_LEAST_EVERY_MS);
    }
    if (!same) {
      this._changed.emit();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _value: IOverall = NOTHING;
  private _offline = false;
  private _takenAt = 0;
  private _timer: number | undefined;
}

const watches = new WeakMap<object, OverallWatch>();

/** The one watch of a hub's operations: several plugins show the same numbers. */
export function overallWatch(hub: IProgressHub): OverallWatch {
  const watch = watches.get(hub) ?? new OverallWatch(hub);
  watches.set(hub, watch);
  return watch;
}
