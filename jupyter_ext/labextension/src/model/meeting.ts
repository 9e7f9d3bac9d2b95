/** A number that was shown too high waits this long for the truth to catch up, in seconds … */
const WAIT_S = 15;
/** … and then goes back evenly in this time, in seconds. */
const RETURN_S = 15;

/**
 * One number as it is shown: it follows what it is given without jumping backwards.
 *
 * Given less than it shows, it waits for a while and then goes back slowly, so that it is not wrong for longer than
 * `WAIT_S + RETURN_S`. Only the truth itself may set it back at once.
 */
export class Meeting {
  /**
   * @param aim - the number to show now: the truth, or what is guessed to have become of it.
   * @param truth - the number as it was last told; less than the one before means that it was set back.
   * @param now - in seconds.
   */
  next(aim: number, truth: number, now: number): number {
    const setBack = this._truth !== null && truth < this._truth;
    this._truth = truth;
    if (this._shown === null || setBack || aim >= this._shown) {
      this._since = null;
      this._speed = 0;
      this._shown = aim;
    } else {
      this._since ??= now;
      const waited = now - this._since - WAIT_S;
      if (waited > 0) {
        this._speed = Math.max(this._speed, (this._shown - aim) / RETURN_S);
        this._shown -= this._speed * Math.min(waited, Math.max(0, now - this._at));
        this._shown = Math.max(aim, this._shown);
      }
    }
    this._at = now;
    return this._shown;
  }

  private _shown: number | null = null;
  private _truth: number | null = null;
  /** Since when it has been ahead, when it was last asked for, and how fast it goes back, per second. */
  private _since: number | null = null;
  private _at = 0;
  private _speed = 0;
}
