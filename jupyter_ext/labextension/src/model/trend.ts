/**
 * The course of one value, from its beginning until now, in a bounded number of points: when they are too many, every
 * second one is dropped, and from then on only every second value is taken in.
 */
export class Trend {
  constructor(private readonly most = 48) {}

  add(value: number): void {
    if (this._skipped < this._stride - 1) {
      this._skipped++;
      this._latest = value;
      return;
    }
    this._skipped = 0;
    this._latest = null;
    this._points.push(value);
    if (this._points.length >= this.most) {
      this._points = this._points.filter((_, index) => index % 2 === 0);
      if (this.most % 2 === 0) {
        // The newest value was dropped itself.
        this._latest = value;
        this._skipped = this._stride;
      }
      this._stride *= 2;
    }
  }

  /** The points, oldest first; the last one is always the newest value. */
  get values(): readonly number[] {
    return this._latest === null ? this._points : [...this._points, this._latest];
  }

  private _points: number[] = [];
  private _stride = 1;
  private _skipped = 0;
  private _latest: number | null = null;
}
