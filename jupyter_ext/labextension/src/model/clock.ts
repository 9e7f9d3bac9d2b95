/**
 * The hub's wall clock, as far as this page can know it.
 *
 * A message's `now` is always read a little after it was written, so of two readings the one that puts the hub
 * further ahead travelled faster and is nearer to the truth. A jump beyond `JUMP_S` means that a clock was set.
 */
export class HubClock {
  constructor(private readonly local: () => number = () => Date.now() / 1000) {}

  /** Take in the hub's `now`, in seconds. */
  read(hubNow: number): void {
    const offset = hubNow - this.local();
    if (this._offset === null || offset > this._offset || this._offset - offset > JUMP_S) {
      this._offset = offset;
    }
  }

  /** The hub's time in seconds; this machine's own until the hub has told its. */
  now(): number {
    return this.local() + (this._offset ?? 0);
  }

  private _offset: number | null = null;
}

const JUMP_S = 2;
