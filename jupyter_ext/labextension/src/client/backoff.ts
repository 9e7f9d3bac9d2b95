const FIRST_S = 0.5;
const MOST_S = 30;

/** Full-jitter back-off: the n-th wait is anything between 0 and 0.5 × 2ⁿ seconds, at most 30. */
export class Backoff {
  constructor(private readonly random: () => number = Math.random) {}

  /** The next wait in seconds. */
  next(): number {
    const ceiling = Math.min(MOST_S, FIRST_S * 2 ** this._attempt);
    this._attempt += 1;
    return this.random() * ceiling;
  }

  reset(): void {
    this._attempt = 0;
  }

  private _attempt = 0;
}
